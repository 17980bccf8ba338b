"""`python -m echopoint.cli`, where the command is not installed."""

from echopoint.cli.main import main

main()
