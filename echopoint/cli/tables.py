"""Tables: aligned on a terminal, and with tabs between the columns for programs."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from echopoint.cli.streams import is_terminal
from echopoint.cli.text import one_line


@dataclass
class Table:
    """Rows of text, a colour for each that has one, and lines below the table.

    `header` is None for the facts of one thing, whose first row stands as a title.
    """

    header: list[str] | None
    rows: list[list[str]]
    colours: list[str | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def mapped(self, change: Callable[[str], str]) -> "Table":
        """Return the table with each of its texts changed."""
        rows = [[change(cell) for cell in row] for row in self.rows]
        return replace(self, rows=rows, notes=[change(note) for note in self.notes])


def table_of(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Return the table of a list."""
    return Table(list(header), [cells(row) for row in rows])


def facts_of(*rows: Iterable[Any]) -> Table:
    """Return the table of one thing: a name and a value in each row."""
    return Table(None, [cells(row) for row in rows])


def cells(row: Iterable[Any]) -> list[str]:
    return [one_line("" if value is None else value) for value in row]


def rendered(table: Table, stream: TextIO) -> str:
    """Return the table as the stream takes it.

    A program reads one line for each row, however long, and no header.
    """
    if is_terminal(stream):
        return aligned(table, stream)
    colours = table.colours if is_coloured(stream) else []
    lines = ["\t".join(row) for row in table.rows]
    for index, colour in enumerate(colours):
        lines[index] = coloured(lines[index], colour)
    return "".join(f"{line}\n" for line in [*lines, *table.notes])


def coloured(line: str, colour: str | None) -> str:
    import click

    return click.style(line, fg=colour) if colour else line


def aligned(table: Table, stream: TextIO) -> str:
    from rich.text import Text

    console = console_for(stream)
    with console.capture() as capture:
        console.print(grid(table))
        for note in table.notes:
            console.print(Text(note))
    # A table fills its last column with spaces, which nobody wants to copy.
    return "".join(f"{line.rstrip(' ')}\n" for line in capture.get().splitlines())


def grid(table: Table) -> Any:
    """Return rich's table; the first column, an id or a name, is never broken or cut."""
    from rich.table import Table as Grid
    from rich.text import Text

    header, *rows = [table.header, *table.rows] if table.header else table.rows
    grid = Grid(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, name in enumerate(header):
        grid.add_column(Text(name), no_wrap=index == 0, overflow="fold")
    for index, row in enumerate(rows):
        colour = table.colours[index] if table.colours else None
        grid.add_row(*map(Text, row), style=colour)
    return grid


def console_for(stream: TextIO) -> Any:
    """Return rich's console for a terminal; without colour it is sent none at all."""
    from rich.console import Console

    return Console(
        file=stream,
        force_terminal=True,
        color_system="standard" if is_coloured(stream) else None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def is_coloured(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what the stream is sent.

    By no-color.org, force-color.org and bixense.com/clicolors, in this order: a person
    who wants no colour gets none. FORCE_COLOR=0 is no colour, as for most programs.
    """
    if environment.get("NO_COLOR"):
        return False
    if forced := environment.get("FORCE_COLOR"):
        return forced != "0"
    if environment.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return is_terminal(stream)
