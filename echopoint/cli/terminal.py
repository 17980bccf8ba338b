"""What people and programs are shown: results on stdout, all else on stderr."""

import errno
import json
import os
import sys
import traceback
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

from echopoint.cli.settings import Settings, without_keys

# Wide enough that ids and messages keep their line where no terminal gives a width.
PIPE_WIDTH = 200


def one_line(text: Any) -> str:
    """Return text of others fit for a line of a terminal or of a CI log.

    A control character could rewrite the screen, and `##[` is a command to GitHub's
    runner wherever it stands in a line.
    """
    shown = " ".join(str(text).split())
    shown = "".join("�" if unicodedata.category(c) in UNSEEN else c for c in shown)
    return shown.replace("##[", "## [")


# EIO is that of a terminal.
GONE = {errno.EPIPE, errno.EIO}
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def say(text: str, *, settings: Settings | None = None) -> None:
    """Write one line to stderr; a reader who has left is not missed."""
    text = settings.scrub(text) if settings else without_keys(text)
    write(sys.stderr, one_line(text) + "\n")


def write(stream: TextIO, text: str) -> None:
    """Write to a stream whose other end may be gone: `| head`, or a closed terminal."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        if error.errno not in GONE:
            raise
        # What is still buffered is not to fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fault(error: Exception, *, debug: bool) -> str:
    """Return what is told of a mistake in the command itself.

    Its text may hold any value, secrets too, so only its kind and its place are shown.
    """
    if debug:
        for frame in traceback.extract_tb(error.__traceback__):
            say(f"debug: {frame.filename}:{frame.lineno} in {frame.name}")
    return (
        f"The command itself failed ({type(error).__name__}). Run it again with --debug"
        " and report what it says."
    )


def tolerate_any_text() -> None:
    """Let no character that a terminal cannot show end the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def emit(document: Any, table: Any, settings: Settings) -> None:
    """Write a result to stdout: the document for programs, the table for people."""
    if settings.output == "table":
        text = rendered(table, sys.stdout)
    else:
        text = encoded(document, settings.output)
    write(sys.stdout, settings.scrub(text))


def encoded(document: Any, form: str) -> str:
    """Return one JSON or YAML document, ended by a line break."""
    if form == "yaml":
        import yaml

        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    return text + "\n"


def rendered(renderable: Any, stream: TextIO) -> str:
    """Return a table or a group of lines as text, coloured where a terminal shows it."""
    console = console_for(stream)
    with console.capture() as capture:
        console.print(renderable)
    # A table fills its last column with spaces, which nobody wants to copy.
    return "".join(f"{line.rstrip(' ')}\n" for line in capture.get().splitlines())


def console_for(stream: TextIO) -> Any:
    """Return rich's console for a stream. NO_COLOR and FORCE_COLOR are respected."""
    from rich.console import Console

    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def table_of(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Any:
    """Return a table; the first column, an id or a name, is never broken or cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        table.add_column(name, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line("" if v is None else v)) for v in row))
    return table
