"""The flags that every command takes, before the noun or after the verb."""

import re
import sys
from collections.abc import Callable
from typing import Any

import click

from echopoint.cli.settings import API_URL, FORMATS, PATH_ID, Settings
from echopoint.cli.streams import write
from echopoint.cli.terminal import say

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = 7 * 24 * 3600.0


def remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a flag for the command; the one nearest to the command's end wins."""
    if value:
        context.meta[parameter.name] = value


def show_help(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Write the help and end the command."""
    if asked and not context.resilient_parsing:
        write(sys.stdout, f"{context.get_help()}\n")
        context.exit()


def shared(*names: str, **attributes: Any) -> Callable:
    """Return an option that is kept for `settings_of`, not passed to the command."""
    return click.option(*names, expose_value=False, callback=remember, **attributes)


GLOBAL_OPTIONS = [
    shared(
        "--api-url",
        metavar="URL",
        help=f"The API's address (ECHOPOINT_API_URL; {API_URL} if absent).",
    ),
    shared(
        "--api-key",
        metavar="KEY",
        help="The API key. Prefer ECHOPOINT_API_KEY: other users of this machine can"
        " see what stands on a command line.",
    ),
    shared(
        "--organization-id",
        metavar="ID",
        help="The organization's id (ECHOPOINT_ORGANIZATION_ID).",
    ),
    shared(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        help="How to show results (ECHOPOINT_OUTPUT_FORMAT; table if absent). A table"
        " that does not go to a terminal has no header, and tabs between its columns.",
    ),
    shared(
        "--debug",
        is_flag=True,
        help="Tell of every request on stderr: method, path, status, id and time.",
    ),
    # In place of click's own, which takes no notice of what cannot be written.
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


def global_options(command: Callable) -> Callable:
    """Give a command the flags that all have."""
    for option in reversed(GLOBAL_OPTIONS):
        command = option(command)
    return command


def page_options(command: Callable) -> Callable:
    """Give a command --limit and --offset, for one page of a list."""
    limit = click.option(
        "--limit",
        type=click.IntRange(1, 100),
        default=20,
        show_default=True,
        help="How many, the newest first.",
    )
    offset = click.option(
        "--offset",
        type=click.IntRange(0),
        default=0,
        help="How many to leave out first.",
    )
    return limit(offset(command))


def settings_of(context: click.Context, *, organization: bool = True) -> Settings:
    """Return the settings for a command; raises `CommandError` for what is missing."""
    settings = Settings.read(context.meta)
    if organization:
        settings.require_organization()
    if settings.is_exposed:
        say(
            "Warning: over plain http anyone on the way can read the API key. Use https."
        )
    return settings


class Duration(click.ParamType):
    """A time as Go writes it, such as 30m, 90s or 1h30m; a number of seconds."""

    name = "duration"

    def __init__(self, *, zero: bool = False):
        self.zero = zero

    def convert(self, value: Any, parameter: Any, context: Any) -> float:
        if isinstance(value, float):
            return value
        parts = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)", value)
        total = sum(float(number) * UNITS[unit] for number, unit in parts)
        is_right = "".join(map("".join, parts)) == value and total <= LONGEST
        if not is_right or not (total or (self.zero and parts)):
            self.fail(
                f"{value!r} is not a time. Write it as 30m, 90s or 1h30m; 168h is the"
                " longest."
            )
        return total


class PathId(click.ParamType):
    """An id that goes into a path as it is: letters, digits, - and _."""

    name = "id"

    def convert(self, value: str, parameter: Any, context: Any) -> str:
        if not PATH_ID.fullmatch(value):
            self.fail(
                f"{value!r} is not an id. Ids have letters, digits, - and _ only."
            )
        return value


class Assignment(click.ParamType):
    """A name and its value, as name=value. What is refused is not repeated."""

    name = "assignment"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not sign or not name or name != name.strip():
            self.fail("A variable is written as name=value.")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail("A variable holds bytes that are not text in UTF-8.")
        return name, text
