"""What people and programs are shown: results on stdout, all else on stderr."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from echopoint.cli.settings import Settings, without_keys
from echopoint.cli.streams import write, write_if_possible
from echopoint.cli.tables import Table, rendered
from echopoint.cli.text import one_line


def say(text: str, *, settings: Settings | None = None) -> None:
    """Write one line to stderr, if it can be written: no run depends on it."""
    text = settings.scrub(text) if settings else without_keys(text)
    write_if_possible(sys.stderr, one_line(text) + "\n")


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
        # What is buffered would be written by reconfigure, and might fail there.
        write_if_possible(stream, "")
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def emit(document: Any, table: Table, settings: Settings) -> None:
    """Write a result to stdout: the document for programs, the table for people.

    Raises `Unwritable`.
    """
    # Before it is rendered: a key that is broken or quoted is not found any more.
    if settings.output == "table":
        text = rendered(table.mapped(settings.scrub), sys.stdout)
    else:
        text = encoded(mapped(document, settings.scrub), settings.output)
    write(sys.stdout, settings.scrub(text))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with each of its texts and names changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {mapped(k, change): mapped(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return value


def encoded(document: Any, form: str) -> str:
    """Return one JSON or YAML document, ended by a line break."""
    if form == "yaml":
        import yaml

        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    return text + "\n"
