"""`python -m echopoint.cli`, for use without the installed command."""

from echopoint.cli.main import main

main()
