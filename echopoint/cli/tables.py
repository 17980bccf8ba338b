"""Tables: aligned on a terminal, tab-separated for programs."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from echopoint.cli.printable_text import one_line
from echopoint.cli.streams import TolerantStream, is_terminal


@dataclass
class Table:
    """Rows of text, an optional colour for each row, and lines below the table.

    `header` is None for the details of one item; the first row is then the title.
    """

    header: list[str] | None
    rows: list[list[str]]
    colours: list[str | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def map_texts(self, change: Callable[[str], str]) -> "Table":
        """Return the table with each text changed."""
        rows = [[change(cell) for cell in row] for row in self.rows]
        return replace(self, rows=rows, notes=[change(note) for note in self.notes])


def list_table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Return a table with one row for each item."""
    return Table(list(header), [cells_of(row) for row in rows])


def details_table(*rows: Iterable[Any]) -> Table:
    """Return the table of one item, with a name and a value in each row."""
    return Table(None, [cells_of(row) for row in rows])


def cells_of(row: Iterable[Any]) -> list[str]:
    return [one_line("" if value is None else value) for value in row]


def render_table(table: Table, stream: TextIO) -> str:
    """Return the table for a terminal, or for programs: one line per row and no header."""
    if is_terminal(stream):
        return render_aligned(table, stream)
    colours = table.colours if is_coloured(stream) else []
    lines = ["\t".join(row) for row in table.rows]
    for index, colour in enumerate(colours):
        lines[index] = colour_line(lines[index], colour)
    return "".join(f"{line}\n" for line in [*lines, *table.notes])


def colour_line(line: str, colour: str | None) -> str:
    import click

    return click.style(line, fg=colour) if colour else line


def render_aligned(table: Table, stream: TextIO) -> str:
    from rich.text import Text

    console = console_for(stream)
    with console.capture() as capture:
        console.print(grid(table))
        for note in table.notes:
            console.print(Text(note))
    # rich pads the last column with spaces, which would be copied with the text.
    return "".join(f"{line.rstrip(' ')}\n" for line in capture.get().splitlines())


def grid(table: Table) -> Any:
    """Return a rich table. The first column, an id or a name, is never wrapped."""
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


def console_for(stream: TextIO | TolerantStream) -> Any:
    """Return a rich console for a terminal."""
    from rich.console import Console

    return Console(
        file=stream,  # type: ignore[arg-type] # rich only writes, which both can
        force_terminal=True,
        color_system="standard" if is_coloured(stream) else None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def is_coloured(
    stream: TextIO | TolerantStream, environment: Mapping[str, str] = os.environ
) -> bool:
    """Return whether to colour the output.

    Follows no-color.org, force-color.org and bixense.com/clicolors, in this order.
    FORCE_COLOR=0 means no colour, as in most programs.
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
