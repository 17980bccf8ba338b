"""The `echopoint` command: from its arguments to its exit code."""

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
from echopoint.cli.settings import KEY_VARIABLE, Settings, version, without_keys
from echopoint.cli.streams import Unwritable, finish, write
from echopoint.cli.terminal import encoded, fault, say, tolerate_any_text


@click.group()
@global_options
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, parameter, asked: asked and show_version(context),
    help="Show the version.",
)
def echopoint() -> None:
    """Run flows and read what they and webhooks recorded, with an API key.

    Exit codes: 0 all passed, 1 a flow failed, 2 cancelled, 3 an error of the API, of a
    runner or of the command's use, 4 out of time.
    """


def show_version(context: click.Context) -> None:
    """Write the version and end the command."""
    write(sys.stdout, f"echopoint {version()}\n")
    context.exit()


for command in (flows, executions, webhooks, permissions, whoami):
    echopoint.add_command(command)


def main() -> None:
    """Run the command that the process was started for, and end the process."""
    # Libraries log what they are given, addresses and values; nothing of it is shown.
    logging.getLogger().addHandler(logging.NullHandler())
    code = run(sys.argv[1:])
    finish()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. No exception leaves it."""
    tolerate_any_text()
    try:
        return answer(arguments)
    except click.UsageError as error:
        if error.ctx:
            say(error.ctx.get_usage())
        report_misuse(echopoint, arguments, error)
        return stop(error.format_message(), arguments)
    except CommandError as error:
        return stop(error.message, arguments)
    except (click.Abort, KeyboardInterrupt):
        return stop("Cancelled.", arguments, code=CANCELLED)
    except Exception as error:  # noqa: BLE001 - a person is told, whatever happened
        return stop(fault(error, debug="--debug" in arguments), arguments)


def answer(arguments: Sequence[str]) -> int:
    """Return the command's exit code, which is 0 for all but those that return one."""
    try:
        code = echopoint.main(
            list(arguments), prog_name="echopoint", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as asked:
        write(sys.stdout, f"{asked.ctx.get_help()}\n")
        return 0
    return code if isinstance(code, int) else 0


def stop(message: str, arguments: Sequence[str], *, code: int = ERROR) -> int:
    """Say why the command ends, to a program that asked for JSON or YAML too."""
    message = without_keys_of(arguments, message)
    say(f"Error: {message}" if code == ERROR else message)
    form = asked_format(arguments)
    if form in ("json", "yaml"):
        document = {
            "status": "cancelled" if code == CANCELLED else "error",
            "success": False,
            "exit_code": code,
            "error_message": message,
        }
        try:
            write(sys.stdout, encoded(document, form))
        except Unwritable:
            return max(code, ERROR)
    return code


def without_keys_of(arguments: Sequence[str], text: str) -> str:
    """Return the text without the API keys that the command was given, of any form."""
    flag = "--api-key"
    given = [after for before, after in pairwise(arguments) if before == flag]
    given += [a.removeprefix(f"{flag}=") for a in arguments if a.startswith(f"{flag}=")]
    # First by its form: the public id says which key it was.
    text = without_keys(text)
    for key in (*given, os.environ.get(KEY_VARIABLE, "")):
        text = Settings(api_key=key).scrub(text)
    return text


def asked_format(arguments: Sequence[str]) -> str:
    """Return the format asked for, also where the arguments could not be understood."""
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
