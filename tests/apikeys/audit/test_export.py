"""How events are written to a file; what the files hold is tested with the page."""

import csv
import io
import json
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apikeys.audit.export import (
    BLOCK,
    PLAIN_CELL,
    as_cells,
    as_field,
    as_json,
    escape_cells,
    in_blocks,
    is_formula,
)


@pytest.mark.parametrize(
    "value",
    [0, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, 1e300, True, None, [{}],
     "\n", "\ud800", "\u2028é\x7f🚀"],
)  # fmt: skip
def test_json_has_the_same_values_on_one_line(value):
    details = {"via": value, "é": [value]}

    text = as_json(details)

    assert "\n" not in text
    assert json.loads(text) == details


def test_details_may_be_nested_deeply():
    value = []
    for _ in range(400):
        value = [value]

    assert json.loads(as_json({"via": value})) == {"via": value}


def test_names_are_sorted():
    assert as_json({"b": 1, "a": {"d": 1, "c": 1}}) == '{"a":{"c":1,"d":1},"b":1}'


# Characters that begin a formula, separate cells, or hide either.
cells = st.lists(st.sampled_from("=+-@;|\t\r\n；｜＝ \u00a0\u3000\ufeff\",'aZ1(é語"))


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cells.map("".join), min_size=1, max_size=4))
@example(['CI;"=1', "CI; =1", "CI;\n=1", "CI\n=1"])
def test_cells_that_are_passed_together_are_those_that_need_no_quote(row):
    assert list(as_cells(row)) == [escape_cells(cell) for cell in row]


def test_no_letter_that_may_begin_a_cell_is_a_formula():
    """Some characters are shown or normalized as others."""
    letters = (chr(code) for code in range(sys.maxunicode))

    assert [c for c in letters if PLAIN_CELL.fullmatch(c) and is_formula(c)] == []


def test_values_that_are_no_texts_are_cells():
    row = [1, -1, {"reason": "x; y"}, "-1"]

    assert list(as_cells(row)) == ["1", "'-1", '{"reason":"x; y"}', "'-1"]


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cells.map("".join), min_size=2))
def test_fields_are_read_as_they_were(row):
    line = ",".join(map(as_field, row)) + "\r\n"

    assert list(csv.reader(io.StringIO(line, newline=""))) == [row]


def test_blocks_are_the_lines_in_large_parts():
    lines = [f"{n}{'é' * 1000}\n" for n in range(200)]

    blocks = list(in_blocks(iter(lines)))

    assert "".join(blocks) == "".join(lines)
    assert len(blocks) == 4
    assert all(BLOCK <= len(block) < BLOCK + 1010 for block in blocks[:-1])


def test_blocks_end_where_the_reader_stops():
    taken = []

    def lines():
        for n in range(1000):
            taken.append(n)
            yield "x" * 1024

    next(in_blocks(lines()))

    assert len(taken) == BLOCK // 1024
    assert list(in_blocks([])) == []


def test_lines_end_when_the_reader_goes_away():
    ended = []

    def lines():
        try:
            while True:
                yield "x" * BLOCK
        finally:
            ended.append(True)

    blocks = in_blocks(lines())
    next(blocks)
    blocks.close()

    assert ended == [True]
