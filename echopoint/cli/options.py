"""The global options, accepted before the noun or after the verb, and parameter types."""

import re
import sys
from collections.abc import Callable
from typing import Any

import click

from echopoint.cli.output import write_stderr
from echopoint.cli.settings import API_URL, FORMATS, PATH_ID, Settings
from echopoint.cli.streams import write

UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = 7 * 24 * 3600.0  # seconds


def store_option(
    context: click.Context, parameter: click.Parameter, value: Any
) -> None:
    """Store an option in the context. The last one on the command line wins."""
    if value and parameter.name:
        context.meta[parameter.name] = value


def show_help(context: click.Context, parameter: click.Parameter, is_set: bool) -> None:
    """Write the help, and end the command."""
    if is_set and not context.resilient_parsing:
        write(sys.stdout, f"{context.get_help()}\n")
        context.exit()


def global_option(*names: str, **attributes: Any) -> Callable[..., Any]:
    """Return an option for `settings_of` that is not passed to the command."""
    return click.option(*names, expose_value=False, callback=store_option, **attributes)


GLOBAL_OPTIONS = [
    global_option(
        "--api-url",
        metavar="URL",
        help=f"The API URL (ECHOPOINT_API_URL; default {API_URL}).",
    ),
    global_option(
        "--api-key",
        metavar="KEY",
        help="The API key. Prefer ECHOPOINT_API_KEY: other users of this machine can"
        " see command lines.",
    ),
    global_option(
        "--organization-id",
        metavar="ID",
        help="The organization id (ECHOPOINT_ORGANIZATION_ID).",
    ),
    global_option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        help="The output format (ECHOPOINT_OUTPUT_FORMAT; default table). Outside of a"
        " terminal, a table has no header, and its columns are separated by tabs.",
    ),
    global_option(
        "--debug",
        is_flag=True,
        help="Log every request to stderr: method, path, status, id and time.",
    ),
    # Replaces the option of click, which ignores write errors.
    click.option(
        "-h",
        "--help",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show_help,
        help="Show this message and exit.",
    ),
]


def global_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the global options to a command."""
    for option in reversed(GLOBAL_OPTIONS):
        command = option(command)
    return command


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --limit and --offset to a command."""
    limit = click.option(
        "--limit",
        type=click.IntRange(1, 100),
        default=20,
        show_default=True,
        help="How many to show, newest first.",
    )
    offset = click.option(
        "--offset",
        type=click.IntRange(0),
        default=0,
        help="How many to skip.",
    )
    return limit(offset(command))


def settings_of(context: click.Context, *, organization: bool = True) -> Settings:
    """Return the settings of a command; raise `CommandError` for missing ones."""
    settings = Settings.read(context.meta)
    if organization:
        settings.require_organization()
    if settings.is_exposed:
        write_stderr(
            "Warning: plain http exposes the API key to the network. Use https."
        )
    return settings


class Duration(click.ParamType):  # type: ignore[type-arg] # click < 8.5 has none
    """A duration in the syntax of Go, such as 30m or 1h30m, converted to seconds."""

    name = "duration"

    def __init__(self, *, zero: bool = False):
        self.zero = zero

    def convert(self, value: Any, parameter: Any, context: Any) -> float:
        if isinstance(value, float):
            return value
        parts = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)", value)
        total = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
        is_valid = "".join(map("".join, parts)) == value and total <= LONGEST
        if not is_valid or not (total or (self.zero and parts)):
            self.fail(
                f"{value!r} is not a valid duration. Use a value such as 30m, 90s or 1h30m,"
                " up to 168h."
            )
        return total


class PathId(click.ParamType):  # type: ignore[type-arg] # click < 8.5 has none
    """An id that is safe in a URL path: letters, digits, - and _."""

    name = "id"

    def convert(self, value: str, parameter: Any, context: Any) -> str:
        if not PATH_ID.fullmatch(value):
            self.fail(
                f"{value!r} is not a valid id. Ids have letters, digits, - and _ only."
            )
        return value


class Assignment(click.ParamType):  # type: ignore[type-arg] # click < 8.5 has none
    """A variable as name=value. Errors do not repeat it, as it may be secret."""

    name = "assignment"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not sign or not name or name != name.strip():
            self.fail("A variable must have the form name=value.")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail("A variable is not valid UTF-8.")
        return name, text
