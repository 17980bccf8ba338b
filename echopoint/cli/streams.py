"""Writing to stdout and stderr, which may be closed, full, or a broken pipe."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from echopoint.cli.exceptions import CommandError


class Unwritable(CommandError):
    """A result could not be written to stdout."""


def write(stream: TextIO | None, text: str) -> None:
    """Write the text, or raise `Unwritable`. Python sets a closed stream to None."""
    try:
        if stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        # An unbuffered stream passes even an empty write on, which can fail.
        if text:
            stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:
        silence(stream)
        why = getattr(error, "strerror", None) or "the stream is closed"
        raise Unwritable(f"The output cannot be written ({why}).") from error


def write_if_possible(stream: TextIO | None, text: str) -> None:
    """Write the text and ignore errors."""
    with suppress(Unwritable):
        write(stream, text)


def silence(stream: TextIO | None) -> None:
    """Redirect a stream to /dev/null, so that flushing at exit does not fail again."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def flush_all() -> None:
    """Flush both streams. If that fails at exit, Python ends with code 120."""
    for stream in (sys.stdout, sys.stderr):
        write_if_possible(stream, "")


def is_terminal(stream: "TextIO | TolerantStream | None") -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


class TolerantStream(io.TextIOBase):
    """A stream for progress. Output that cannot be written is dropped."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has an attribute; CPython a read-only one
        return self.stream.encoding

    def write(self, text: str) -> int:
        write_if_possible(self.stream, text)
        return len(text)

    def isatty(self) -> bool:
        return is_terminal(self.stream)

    def fileno(self) -> int:
        return self.stream.fileno()
