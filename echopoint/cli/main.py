"""The `echopoint` command: argument parsing, errors and exit code."""

import logging
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from echopoint.cli.commands.executions import executions
from echopoint.cli.commands.flows import flows
from echopoint.cli.commands.keys import permissions, whoami
from echopoint.cli.commands.misused_run import report_misuse
from echopoint.cli.commands.webhooks import webhooks
from echopoint.cli.exceptions import CANCELLED, ERROR, CommandError
from echopoint.cli.options import global_options
from echopoint.cli.output import (
    encode,
    escape_unprintable_text,
    internal_error_message,
    write_stderr,
)
from echopoint.cli.settings import KEY_VARIABLE, Settings, version, without_keys
from echopoint.cli.streams import Unwritable, flush_all, write


@click.group()
@global_options
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, is_set: show_version(context) if is_set else None,
    help="Show the version.",
)
def echopoint() -> None:
    """Run flows, and read executions and webhook requests, with an API key.

    Exit codes: 0 all flows passed, 1 a flow failed, 2 cancelled, 3 API, runner or usage
    error, 4 timeout.
    """


def show_version(context: click.Context) -> None:
    """Write the version, and end the command."""
    write(sys.stdout, f"echopoint {version()}\n")
    context.exit()


for command in (flows, executions, webhooks, permissions, whoami):
    echopoint.add_command(command)


def main() -> None:
    """Run the command of `sys.argv`, and end the process."""
    # Libraries log URLs and values, which may be secret. None of it is shown.
    logging.getLogger().addHandler(logging.NullHandler())
    code = run_command(sys.argv[1:])
    flush_all()
    sys.exit(code)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Raises nothing."""
    escape_unprintable_text()
    try:
        return invoke(arguments)
    except click.UsageError as error:
        if error.ctx:
            write_stderr(error.ctx.get_usage())
        report_misuse(echopoint, arguments, error)
        return report_error(error.format_message(), arguments)
    except CommandError as error:
        return report_error(error.message, arguments)
    except (click.Abort, KeyboardInterrupt):
        return report_error("Cancelled.", arguments, code=CANCELLED)
    except Exception as error:  # noqa: BLE001 - no stack trace for users
        message = internal_error_message(error, debug="--debug" in arguments)
        return report_error(message, arguments)


def invoke(arguments: Sequence[str]) -> int:
    """Return the exit code of the command, or 0 if it returns none."""
    try:
        code = echopoint.main(
            list(arguments), prog_name="echopoint", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        if error.ctx:
            write(sys.stdout, f"{error.ctx.get_help()}\n")
        return 0
    return code if isinstance(code, int) else 0


def report_error(message: str, arguments: Sequence[str], *, code: int = ERROR) -> int:
    """Write the error to stderr, and to stdout as JSON or YAML if requested."""
    message = without_own_keys(arguments, message)
    write_stderr(f"Error: {message}" if code == ERROR else message)
    form = requested_format(arguments)
    if form in ("json", "yaml"):
        document = {
            "status": "cancelled" if code == CANCELLED else "error",
            "success": False,
            "exit_code": code,
            "error_message": message,
        }
        try:
            write(sys.stdout, encode(document, form))
        except Unwritable:
            return max(code, ERROR)
    return code


def without_own_keys(arguments: Sequence[str], text: str) -> str:
    """Return the text without the API keys of the command line and environment.

    They need not look like keys.
    """
    flag = "--api-key"
    keys = [after for before, after in pairwise(arguments) if before == flag]
    keys += [a.removeprefix(f"{flag}=") for a in arguments if a.startswith(f"{flag}=")]
    # Truncated first, so that the public id of a well-formed key stays visible.
    text = without_keys(text)
    for key in (*keys, os.environ.get(KEY_VARIABLE, "")):
        text = Settings(api_key=key).scrub(text)
    return text


def requested_format(arguments: Sequence[str]) -> str:
    """Return the output format, even if the arguments cannot be parsed."""
    form = os.environ.get("ECHOPOINT_OUTPUT_FORMAT", "")
    before = ""
    for argument in arguments:
        if argument == "--":
            break
        if before in ("-o", "--output"):
            form = argument
        elif argument.startswith("--output="):
            form = argument.removeprefix("--output=")
        elif argument.startswith("-o"):
            form = argument.removeprefix("-o").removeprefix("=")
        before = argument
    return form
