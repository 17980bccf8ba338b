"""A benchmark says "ok" only of a goal that was met."""

import pytest

from tests.bench.__main__ import MARKS
from tests.bench.results import Row, dump, load, table
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("value", "sign", "goal", "verdict"),
    [
        (0.6, "<=", 0.6, "ok"),
        (0.61, "<=", 0.6, "misses"),
        (0.5, ">=", 0.5, "ok"),
        (0.49, ">=", 0.5, "misses"),
        (3, "<=", None, ""),
    ],
)
def test_the_verdict(value, sign, goal, verdict):
    assert Row("group", "name", value, sign=sign, goal=goal).verdict == verdict


def test_rows_are_grouped_into_tables():
    rows = [
        Row("first", "lookup", 1234.5, "µs", note="p99 2,000 µs"),
        Row("first", "ours ÷ theirs", 0.71, goal=0.6),
        Row("second", "rate", 0.5, sign=">=", goal=0.5),
    ]

    assert load(dump(rows)) == rows
    assert table(rows).splitlines() == [
        "**first**",
        "",
        "| | measured | goal | |",
        "|---|---|---|---|",
        "| lookup | 1,234 µs |  | p99 2,000 µs |",
        "| ours ÷ theirs | 0.71 | <= 0.60 | misses |",
        "",
        "**second**",
        "",
        "| | measured | goal | |",
        "|---|---|---|---|",
        "| rate | 0.50 | >= 0.50 | ok |",
    ]


def test_the_readme_has_a_place_for_the_tables():
    assert MARKS.search((ROOT / "README.md").read_text())
