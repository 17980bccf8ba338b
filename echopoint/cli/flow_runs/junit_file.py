"""The file of --junit: written before a run, and again whatever comes of it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from echopoint.cli.exceptions import CANCELLED, ERROR, CommandError
from echopoint.cli.flow_runs.outcome import Outcome
from echopoint.cli.settings import Settings
from echopoint.cli.terminal import fault, say

UNFINISHED = (
    "The command ended before its flows did, and wrote no results. See its log."
)


class Report:
    """A JUnit report in a file; without a path nothing is written."""

    def __init__(self, path: str | None, settings: Settings):
        self.path = path
        self.settings = settings

    def begin(self) -> None:
        """Replace what the file holds; raise `CommandError` if it cannot be written.

        A command that is killed leaves this, and not the report of an earlier run.
        """
        self.put([ended(ERROR, UNFINISHED)])

    def write(self, outcomes: list[Outcome]) -> int:
        """Write the report. Return 0, or the exit code for a file that is not written."""
        try:
            self.put(outcomes)
        except CommandError as error:
            say(f"Error: {error.message}", settings=self.settings)
            return ERROR
        return 0

    def put(self, outcomes: list[Outcome]) -> None:
        """Write the report, or raise `CommandError`."""
        if self.path is None:
            return
        from echopoint.cli.flow_runs.junit import report

        try:
            if is_no_file(self.path):
                raise CommandError(f"--junit: {self.path!r} is not a file.")
            replace(self.path, report(outcomes, self.settings))
        except OSError as error:
            raise unwritable(self.path, error) from None

    @contextmanager
    def of_failure(self) -> Iterator[None]:
        """Report also what ends the command before it has results.

        A report of an earlier run must not stand for this one.
        """
        try:
            yield
        except CommandError as error:
            self.write([ended(ERROR, error.message)])
            raise
        except Exception as error:
            self.write([ended(ERROR, fault(error, debug=False))])
            raise
        except BaseException:
            self.write([ended(CANCELLED, "The run was cancelled.")])
            raise


def ended(code: int, message: str) -> Outcome:
    return Outcome("", code, name="flows run", error_message=message)


def replace(path: str, data: bytes) -> None:
    """Write the file at once: a reader finds the old one or the new one, never half."""
    # For a symbolic link its target is replaced, not the link.
    path = os.path.realpath(path)
    new = new_beside(path, data)
    try:
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def new_beside(path: str, data: bytes) -> str:
    """Write a new file in the same folder, and return its path."""
    folder = os.path.dirname(os.path.realpath(path))
    new = os.path.join(folder, f".echopoint-{secrets.token_hex(8)}")
    # With the mode of any new file of this user: a report is for others to read.
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
    except OSError:
        os.unlink(new)
        raise
    return new


def is_no_file(path: str) -> bool:
    """Whether the path is empty, or that of a folder or a device."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return not path or path.endswith(("/", os.sep))
    return not os.path.isfile(path)


def unwritable(path: str, error: OSError) -> CommandError:
    return CommandError(
        f"The JUnit report cannot be written to {path} ({error.strerror})."
        " Give --junit a path in a folder that exists and is writable."
    )
