"""How events are written to a file; what the files hold is tested with the page."""

import csv
import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apikeys.actors import Actor
from apikeys.audit import export
from apikeys.audit.export import (
    BLOCK,
    PLAIN_CELL,
    Incomplete,
    as_cells,
    as_field,
    as_json,
    as_ndjson,
    escape_cells,
    in_blocks,
    is_formula,
)
from apikeys.models import AuditEvent


@pytest.fixture
def chain(acme, globex, monkeypatch):
    """Return acme's seven events, of which each statement reads two."""
    monkeypatch.setattr(export, "STEP", 2)
    for organization in (globex, acme):
        for n in range(7):
            AuditEvent.objects.record(
                AuditEvent.Action.REVOKED,
                organization=organization,
                actor=Actor.command("test"),
                target=("api_key", f"key_{n % 3}", "CI"),
                reason="tidied up",
            )
    return AuditEvent.objects.for_org(acme)


def sequences(lines):
    return [json.loads(line)["sequence"] for line in lines]


def test_events_of_several_statements_follow_each_other(chain):
    assert sequences(as_ndjson(chain)) == [1, 2, 3, 4, 5, 6, 7]
    assert sequences(as_ndjson(chain.filter(target_id="key_1"))) == [2, 5]
    assert sequences(as_ndjson(chain.filter(target_id="none"))) == []
    assert sequences(as_ndjson(chain.filter(sequence__gte=3))) == [3, 4, 5, 6, 7]


def test_events_that_are_deleted_meanwhile_are_an_error(chain, tamper):
    lines = as_ndjson(chain)
    next(lines)
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = 5")

    with pytest.raises(Incomplete):
        list(lines)


def test_the_command_says_that_its_file_is_not_complete(
    chain, acme, tmp_path, monkeypatch
):
    def rows_of(events):
        yield from real(events)
        raise Incomplete

    real = export.rows_of
    monkeypatch.setattr(export, "rows_of", rows_of)

    with pytest.raises(CommandError, match="not complete"):
        call_command("export_audit", tmp_path / "x", "--organization", acme.pk)


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


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
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
