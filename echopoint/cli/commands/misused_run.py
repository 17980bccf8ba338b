"""The --junit file of a `flows run` whose command line is wrong.

click refuses such a line before the command begins, which then cannot report it.
"""

from collections.abc import Sequence

import click

from echopoint.cli.settings import Settings

RUN = ("flows", "run")


def report_misuse(
    root: click.Group, arguments: Sequence[str], error: click.UsageError
) -> None:
    """Replace the report of an earlier run: it must not stand for this one."""
    if not (path := junit_of(root, arguments)):
        return
    from echopoint.cli.exceptions import ERROR
    from echopoint.cli.flow_runs.junit_file import Report, ended

    settings = Settings.unchecked(error.ctx.meta if error.ctx else {})
    Report(path, settings).write([ended(ERROR, error.format_message())])


def junit_of(root: click.Group, arguments: Sequence[str]) -> str | None:
    """Return the FILE of `flows run --junit FILE`, or None if there is none."""
    command: click.Command = root
    values, rest = parsed(command, arguments)
    for name in RUN:
        rest = from_name(name, rest)
        if not rest or not isinstance(command, click.Group):
            return None
        command = command.commands[name]
        values, rest = parsed(command, rest[1:])
    return values.get("junit")


def from_name(name: str, rest: list[str]) -> list[str]:
    """Return the arguments from the name of a command on, without flags before it."""
    if rest and rest[0].startswith("-") and name in rest:
        return rest[rest.index(name) :]
    return rest if rest[:1] == [name] else []


def parsed(command: click.Command, arguments: Sequence[str]) -> tuple[dict, list[str]]:
    """Return the flags that click can tell, and what is left; nothing is refused."""
    context = click.Context(
        command, resilient_parsing=True, ignore_unknown_options=True
    )
    values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    return values, rest
