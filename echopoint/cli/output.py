"""Writing results to stdout, and everything else to stderr."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from echopoint.cli.printable_text import one_line
from echopoint.cli.settings import Settings, without_keys
from echopoint.cli.streams import write, write_if_possible
from echopoint.cli.tables import Table, render_table


def write_stderr(text: str, *, settings: Settings | None = None) -> None:
    """Write one line to stderr without API keys. Errors are ignored: no run depends on it."""
    text = settings.scrub(text) if settings else without_keys(text)
    write_if_possible(sys.stderr, one_line(text) + "\n")


def internal_error_message(error: Exception, *, debug: bool) -> str:
    """Return the message for a bug in the command.

    The exception's text may hold secrets, so only its type and traceback are shown.
    """
    if debug:
        for frame in traceback.extract_tb(error.__traceback__):
            write_stderr(f"debug: {frame.filename}:{frame.lineno} in {frame.name}")
    return (
        f"Internal error ({type(error).__name__}). Run the command again with --debug and"
        " report its output."
    )


def escape_unprintable_text() -> None:
    """Escape characters that the encoding of a stream lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        # reconfigure() flushes the buffer, which could raise there.
        write_if_possible(stream, "")
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def emit(document: Any, table: Table, settings: Settings) -> None:
    """Write a result to stdout: the document for programs, the table for people.

    Raises `Unwritable`.
    """
    # Scrub before rendering: a key that is wrapped or quoted is not recognized.
    if settings.output == "table":
        text = render_table(table.map_texts(settings.scrub), sys.stdout)
    else:
        text = encode(map_texts(document, settings.scrub), settings.output)
    write(sys.stdout, settings.scrub(text))


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with each string and name changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {map_texts(k, change): map_texts(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [map_texts(item, change) for item in value]
    return value


def encode(document: Any, form: str) -> str:
    """Return the document as JSON or YAML, with a final newline."""
    if form == "yaml":
        import yaml

        return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    return text + "\n"
