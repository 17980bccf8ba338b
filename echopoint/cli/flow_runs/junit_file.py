"""The file of --junit. Written before a run, and replaced when it ends or fails."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from echopoint.cli.exceptions import CANCELLED, ERROR, CommandError
from echopoint.cli.flow_runs.outcome import Outcome
from echopoint.cli.output import internal_error_message, write_stderr
from echopoint.cli.settings import Settings

UNFINISHED = (
    "The command ended before its flows did, and wrote no results. See its log."
)


class JUnitFile:
    """A JUnit report in a file. Without a path nothing is written."""

    def __init__(self, path: str | None, settings: Settings):
        self.path = path
        self.settings = settings

    def begin(self) -> None:
        """Replace the file; raise `CommandError` if it cannot be written.

        A killed command must not leave the report of an earlier run behind.
        """
        self.save([failed_command(ERROR, UNFINISHED)])

    def write(self, outcomes: list[Outcome]) -> int:
        """Write the report. Return 0, or the exit code if it cannot be written."""
        try:
            self.save(outcomes)
        except CommandError as error:
            write_stderr(f"Error: {error.message}", settings=self.settings)
            return ERROR
        return 0

    def save(self, outcomes: list[Outcome]) -> None:
        """Write the report, or raise `CommandError`."""
        if self.path is None:
            return
        from echopoint.cli.flow_runs.junit import junit_report

        try:
            if cannot_be_a_file(self.path):
                raise CommandError(f"--junit: {self.path!r} is not a file.")
            replace(self.path, junit_report(outcomes, self.settings))
        except OSError as error:
            raise write_error(self.path, error) from None

    @contextmanager
    def report_failure(self) -> Iterator[None]:
        """Write a report if the command fails before it has results.

        Otherwise CI would read the report of an earlier run.
        """
        try:
            yield
        except CommandError as error:
            self.write([failed_command(ERROR, error.message)])
            raise
        except Exception as error:
            self.write(
                [failed_command(ERROR, internal_error_message(error, debug=False))]
            )
            raise
        except BaseException:
            self.write([failed_command(CANCELLED, "The run was cancelled.")])
            raise


def failed_command(code: int, message: str) -> Outcome:
    return Outcome("", code, name="flows run", error_message=message)


def replace(path: str, data: bytes) -> None:
    """Replace the file atomically: a reader finds the old or the new one, never a part."""
    # Replace the target of a symbolic link, not the link.
    path = os.path.realpath(path)
    new = write_temporary(path, data)
    try:
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def write_temporary(path: str, data: bytes) -> str:
    """Write a new file in the same folder: os.replace() works within a file system only."""
    folder = os.path.dirname(os.path.realpath(path))
    new = os.path.join(folder, f".echopoint-{secrets.token_hex(8)}")
    # tempfile would make it readable by this user only, but CI systems read it too.
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
    except OSError:
        os.unlink(new)
        raise
    return new


def cannot_be_a_file(path: str) -> bool:
    """Return whether the path is empty, or a folder or device."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return not path or path.endswith(("/", os.sep))
    return not os.path.isfile(path)


def write_error(path: str, error: OSError) -> CommandError:
    return CommandError(
        f"The JUnit report cannot be written to {path} ({error.strerror})."
        " Set --junit to a path in an existing, writable folder."
    )
