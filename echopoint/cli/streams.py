"""Writing to stdout and stderr, which may be closed, full, or a reader who has left."""

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
    """Write the text, or raise `Unwritable`. A stream that was closed is None."""
    try:
        if stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        # An unbuffered stream would write nothing at all too, which can fail by itself.
        if text:
            stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:
        silence(stream)
        why = getattr(error, "strerror", None) or "the stream is closed"
        raise Unwritable(f"The output cannot be written ({why}).") from error


def write_if_possible(stream: TextIO | None, text: str) -> None:
    """Write what nothing depends on."""
    with suppress(Unwritable):
        write(stream, text)


def silence(stream: TextIO | None) -> None:
    """Lead a stream to nowhere: what is buffered must not fail again at the exit."""
    with suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def finish() -> None:
    """Write what is buffered. Python would end with code 120 if that failed later."""
    for stream in (sys.stdout, sys.stderr):
        write_if_possible(stream, "")


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


class Tolerant(io.TextIOBase):
    """A stream for progress: what cannot be written to it is dropped."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    @property
    def encoding(self) -> str:
        return self.stream.encoding

    def write(self, text: str) -> int:
        write_if_possible(self.stream, text)
        return len(text)

    def isatty(self) -> bool:
        return is_terminal(self.stream)

    def fileno(self) -> int:
        return self.stream.fileno()
