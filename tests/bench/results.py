"""Rows of a benchmark, and how they are shown."""

import json
import operator
from dataclasses import asdict, dataclass

SIGNS = {"<=": operator.le, ">=": operator.ge}
DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True)
class Row:
    """A measured value, and the goal that it meets or misses.

    `group` is the table it belongs to. Rows without a goal explain the others.
    """

    group: str
    name: str
    value: float
    unit: str = ""
    sign: str = "<="
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self):
        if self.goal is None:
            return ""
        return "ok" if SIGNS[self.sign](self.value, self.goal) else "misses"

    @property
    def measured(self):
        digits = 2 if abs(self.value) < 10 else 0
        return f"{self.value:,.{digits}f}{self.unit and ' '}{self.unit}"

    @property
    def aim(self):
        if self.goal is None:
            return ""
        return f"{self.sign} {self.goal:,.{2 if self.goal < 10 else 0}f}"


def dump(rows):
    return json.dumps([asdict(row) for row in rows])


def load(text):
    return [Row(**fields) for fields in json.loads(text)]


def table(rows):
    """Return the rows as Markdown, one table for each group."""
    lines = []
    for group in dict.fromkeys(row.group for row in rows):
        lines += [
            "",
            f"**{group}**",
            "",
            "| | measured | goal | |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {row.name} | {row.measured} | {row.aim} |"
            f" {' '.join(filter(None, (row.verdict, row.note)))} |"
            for row in rows
            if row.group == group
        ]
    return "\n".join(lines[1:])
