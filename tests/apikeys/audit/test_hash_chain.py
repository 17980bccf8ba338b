"""How events are hashed, and how a chain of records is checked."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from apikeys.audit import hash_chain
from apikeys.audit.hash_chain import (
    EVENT_FIELDS,
    FIELDS,
    GENESIS,
    LATEST,
    Walk,
)
from apikeys.models import AuditEvent
from tests.apikeys.audit.event_data import chain, event_data
from tests.paths import ROOT

portable = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(),
    lambda values: (
        st.lists(values)
        | st.dictionaries(st.text(st.characters(codec="ascii")), values)
    ),
)


def walked(records, **options):
    walk = Walk(**options)
    for one in records:
        walk.add(one)
        if walk.broken:
            break
    return walk


def test_every_column_is_hashed_or_says_why_not():
    columns = {field.attname for field in AuditEvent._meta.concrete_fields}
    decided = {*FIELDS[LATEST], *AuditEvent.NOT_HASHED}

    assert columns - decided == set(), (
        "A new column needs a new version of the hash: add its list to FIELDS in"
        " apikeys/audit/hash_chain.py and raise LATEST. If it must not be hashed, say why in"
        " AuditEvent.NOT_HASHED."
    )
    assert decided - columns == set()
    assert all(AuditEvent.NOT_HASHED.values())


def test_what_is_hashed_is_exported():
    assert set(EVENT_FIELDS) == {*FIELDS[LATEST], "hash"}
    assert all(set(fields) <= set(EVENT_FIELDS) for fields in FIELDS.values())


@pytest.mark.parametrize("version", FIELDS)
def test_a_new_column_changes_no_hash(version, monkeypatch):
    event = AuditEvent(**event_data(version=version))
    event.at = datetime.fromisoformat(event.at)
    before = event.compute_hash()
    column = models.CharField(name="note")
    column.set_attributes_from_name("note")
    columns = (*AuditEvent._meta.concrete_fields, column)

    monkeypatch.setitem(AuditEvent._meta.__dict__, "concrete_fields", columns)
    event.note = "new"

    assert event.compute_hash() == before == event.hash


def test_version_2_is_canonical_json():
    made = event_data(
        details={"b": 1, "\r": [True, None], "1": {"A": -1, "z": "\u2028"}}
    )

    hashed = {name: made[name] for name in FIELDS[2]}
    assert made["hash"] == hashlib.sha256(rfc8785.dumps(hashed)).hexdigest()
    assert hashed["at"] == "2026-06-01T12:00:01.000Z"


@given(portable)
def test_canonical_json_is_that_of_the_library(value):
    assert hash_chain.canonical_json({"a": value}) == rfc8785.dumps({"a": value})


@pytest.mark.parametrize("codes", [range(0xD800), range(0xE000, 0x110000)])
def test_canonical_json_escapes_every_character_as_the_library_does(codes):
    text = "".join(map(chr, codes))

    assert hash_chain.canonical_json({"a": text}) == rfc8785.dumps({"a": text})


def test_canonical_json_may_be_nested_deeper_than_orjson_writes():
    value = []
    for _ in range(300):
        value = [value]

    text = hash_chain.canonical_json({"a": value})
    assert text == b'{"a":' + b"[" * 301 + b"]" * 301 + b"}"


def test_version_1_is_sorted_json_in_ascii():
    made = event_data(version=1, details={"é": 2**60})

    hashed = {name: made[name] for name in FIELDS[1]}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    assert made["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert hashed["at"] == "2026-06-01T12:00:01.000000+00:00"


@pytest.mark.parametrize(
    "value", [1.0, [0.5], {"a": {"b": [1.0]}}, 2**53, -(2**53), float("nan"), {1: 2}, {"é": 1}, [{"\ud800": 1}], (1,), b"x", "\ud800"]
)  # fmt: skip
def test_what_databases_or_readers_could_spell_otherwise_is_not_hashed(value):
    with pytest.raises(ValueError):  # noqa: PT011, of several kinds
        event_data(details={"via": value})

    changed = event_data() | {"details": {"via": value}}
    assert not hash_chain.has_valid_hash(changed)


@pytest.mark.parametrize("value", [2**53 - 1, 1 - 2**53, True, None, "", [], {}])
def test_other_values_are_hashed(value):
    assert hash_chain.has_valid_hash(event_data(details={"via": value}))


@pytest.mark.parametrize(
    ("at", "version_1", "version_2"),
    [
        (
            datetime(2026, 3, 3, 10, 2, 7, 123456, UTC),
            "2026-03-03T10:02:07.123456+00:00",
            "2026-03-03T10:02:07.123Z",
        ),
        (
            datetime(2026, 3, 3, 0, 30, 0, 999, timezone(timedelta(hours=2))),
            "2026-03-02T22:30:00.000999+00:00",
            "2026-03-02T22:30:00.000Z",
        ),
    ],
)
def test_a_time_is_written_as_its_version_hashes_it(at, version_1, version_2):
    assert hash_chain.format_time(at, 1) == version_1
    whole = hash_chain.whole_milliseconds(at)
    assert hash_chain.format_time(whole, 2) == version_2


def test_a_time_that_version_2_does_not_record_is_no_match():
    at = datetime(2026, 6, 1, 12, 0, 1, 1, UTC)

    assert hash_chain.format_time(at, 2) == "2026-06-01T12:00:01.000001Z"


@pytest.mark.parametrize(
    ("text", "version_1", "version_2"),
    [
        ("2026-03-03 10:02:07.12+00", "10:02:07.120000+00:00", "10:02:07.120Z"),
        ("2026-03-03 10:02:07.123+00", "10:02:07.123000+00:00", "10:02:07.123Z"),
        ("2026-03-03 10:02:07.1234+00", "10:02:07.123400+00:00", "10:02:07.123400Z"),
        ("2026-03-03 10:02:07+00", "10:02:07.000000+00:00", "10:02:07.000Z"),
        ("2026-03-03 12:02:07.123+02", "10:02:07.123000+00:00", "10:02:07.123Z"),
        ("2026-03-03 10:02:07.123000", "10:02:07.123000+00:00", "10:02:07.123Z"),
        ("2026-03-03 10:02:07", "10:02:07.000000+00:00", "10:02:07.000Z"),
    ],
)
def test_a_stored_time_is_written_as_its_version_hashes_it(text, version_1, version_2):
    assert hash_chain.format_stored_time(text, 1) == f"2026-03-03T{version_1}"
    assert hash_chain.format_stored_time(text, 2) == f"2026-03-03T{version_2}"


@pytest.mark.parametrize("version", FIELDS)
@pytest.mark.parametrize(
    "text",
    ["2026-03-03 10:02:07.12+00 BC", "infinity", "12026-03-03 10:02:07.12+00",
     "2026-03-03 10:02:07.123+00 BC", "x"],
)  # fmt: skip
def test_a_stored_time_that_was_never_recorded_stays_as_it_is(text, version):
    assert hash_chain.format_stored_time(text, version) == text


def test_a_chain_may_go_from_an_older_version_to_a_newer():
    walk = walked(chain(1, 1, 2, 2))

    assert walk.broken is None
    assert (walk.events, walk.sequence, walk.version) == (4, 4, 2)


def test_a_chain_never_goes_back_to_an_older_version():
    broken = walked(chain(1, 2, 1)).broken

    assert broken == (3, "has an older version than the event before it")


@pytest.mark.parametrize("version", [0, 3, -1, 2**31, True, None])
@pytest.mark.parametrize("whole", [True, False])
def test_a_version_that_is_not_known_is_never_intact(version, whole):
    records = chain(2, 2)
    records[1]["version"] = version

    walk = walked(records, is_complete=whole)

    assert walk.events == 1
    assert walk.broken is not None
    if version is not True:  # equals 1, whose hash it has not
        assert walk.broken.reason == hash_chain.UNKNOWN_VERSION


@pytest.mark.parametrize("name", FIELDS[2])
def test_every_hashed_field_is_noticed_when_it_changes(name):
    records = chain(2, 2, 2)
    records[1][name] = {"sequence": 3, "version": 1, "details": {}}.get(name, "x")

    reason = "was deleted" if name == "sequence" else "was changed"
    assert walked(records).broken == (2, reason)


def test_a_version_that_was_changed_back_is_noticed():
    records = chain(2)

    assert walked([records[0] | {"version": 1}]).broken == (1, "was changed")


def test_missing_events_break_a_whole_chain_and_are_gaps_of_a_file():
    records = chain(*[2] * 9)
    rest = [*records[2:4], records[8]]

    assert walked(rest).broken == (1, "was deleted")
    walk = walked(rest, is_complete=False)
    assert walk.broken is None
    assert (walk.events, walk.gaps) == (3, [(1, 2), (5, 8)])


def test_an_event_that_does_not_follow_is_broken_where_none_is_missing():
    records = chain(2, 2, 2)
    forged = event_data(2, records[0]["hash"], action="api_key.resumed")

    walk = walked([records[0], forged, records[2]], is_complete=False)

    assert walk.broken == (3, "does not follow the event before it")
    assert walk.head == forged["hash"]


def test_a_chain_begins_with_nothing_before_it():
    forged = event_data(1, "f" * 64)

    assert walked([forged], is_complete=False).broken == (
        (1, "does not follow the event before it")
    )


def test_an_event_that_comes_twice_is_broken():
    records = chain(2, 2)

    assert walked([*records, records[1]]).broken == (2, "was inserted")


def test_a_walk_says_from_when_to_when():
    records = chain(1, 2, 2)

    walk = walked([records[0], records[1]])

    assert walk.since == datetime(2026, 6, 1, 12, 0, 1, tzinfo=UTC)
    assert walk.until == datetime(2026, 6, 1, 12, 0, 2, tzinfo=UTC)
    assert walk.head == records[1]["hash"]


def test_a_head_that_was_kept_is_found_where_it_is():
    records = chain(*[2] * 5)

    for sequence, one in enumerate(records, 1):
        assert walked(records, expected_head=one["hash"]).expected_head_at == sequence
    assert walked(records, expected_head=GENESIS).expected_head_at == 0
    assert walked(records, expected_head="f" * 64).expected_head_at is None
    # What the first event of a later file says that it follows.
    later = walked(records[3:], is_complete=False, expected_head=records[2]["hash"])
    assert (later.expected_head_at, later.claimed_at) == (None, 3)


def test_the_checks_need_neither_django_nor_a_database():
    code = (
        "import sys; from apikeys.audit.hash_chain import Walk;"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'django']"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, check=True)
