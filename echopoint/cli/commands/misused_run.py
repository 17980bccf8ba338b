"""The --junit file of a `flows run` with a usage error.

click raises usage errors before the command starts, so the command cannot write the file.
"""

from collections.abc import Sequence
from typing import Any

import click

from echopoint.cli.settings import Settings

RUN = ("flows", "run")


def report_misuse(
    root: click.Group, arguments: Sequence[str], error: click.UsageError
) -> None:
    """Write the error to the --junit file, which may hold the report of an earlier run."""
    if not (path := junit_of(root, arguments)):
        return
    from echopoint.cli.exceptions import ERROR
    from echopoint.cli.flow_runs.junit_file import JUnitFile, failed_command

    settings = Settings.unchecked(error.ctx.meta if error.ctx else {})
    JUnitFile(path, settings).write([failed_command(ERROR, error.format_message())])


def junit_of(root: click.Group, arguments: Sequence[str]) -> str | None:
    """Return the FILE of `flows run --junit FILE`, or None."""
    command: click.Command = root
    values, rest = parse(command, arguments)
    for name in RUN:
        rest = skip_to(name, rest)
        if not rest or not isinstance(command, click.Group):
            return None
        command = command.commands[name]
        values, rest = parse(command, rest[1:])
    path = values.get("junit")
    return path if isinstance(path, str) else None


def skip_to(name: str, rest: list[str]) -> list[str]:
    """Return the arguments from the command name on, without options before it."""
    if rest and rest[0].startswith("-") and name in rest:
        return rest[rest.index(name) :]
    return rest if rest[:1] == [name] else []


def parse(
    command: click.Command, arguments: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the options that click recognizes, and the other arguments. Raises nothing."""
    context = click.Context(
        command, resilient_parsing=True, ignore_unknown_options=True
    )
    values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    return values, rest
