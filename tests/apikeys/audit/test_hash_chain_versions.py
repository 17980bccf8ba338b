"""Chains as earlier code wrote them. The files in `chains` are never written again."""

import csv
import json

import pytest

from apikeys.audit.export import as_csv, as_ndjson
from apikeys.audit.hash_chain import FIELDS, GENESIS, UNKNOWN_VERSION, Walk
from apikeys.models import AuditEvent
from tests.stored_chains import CHAINS, STORED, append


def exported(version):
    """Return the records of a chain that was exported when its version was the newest."""
    lines = (CHAINS / f"version_{version}.ndjson").read_text().splitlines()
    return [{"version": 1} | json.loads(line) for line in lines]


@pytest.mark.parametrize("version", FIELDS)
def test_every_version_has_a_chain_that_is_kept_and_verifies(version):
    """A new version leaves its first chain in `chains`, as its own code exported it."""
    walk = Walk()

    for record in exported(version):
        walk.add(record)
        assert walk.broken is None

    assert walk.version == version
    assert walk.events >= 7


def test_the_chain_of_version_1_has_what_could_be_written_otherwise():
    events = STORED["events"]

    assert len(events) == STORED["chain"]["length"] == 22
    assert events[-1]["hash"] == STORED["chain"]["head"]
    assert any(event["at"][20:26] == "000000" for event in events)
    assert any(event["at"][23:26] != "000" for event in events)
    assert any(not event["target_label"].isascii() for event in events)
    assert {event["ip"] for event in events} > {"", "2001:db8::7"}


def test_a_chain_of_version_1_is_intact(version_1):
    walk = AuditEvent.objects.walk(version_1)

    assert walk.broken is AuditEvent.objects.verify(version_1) is None
    assert (walk.events, walk.head) == (22, STORED["chain"]["head"])


def test_a_chain_of_version_1_is_exported_as_it_was(version_1):
    lines = as_ndjson(AuditEvent.objects.order_by("sequence"))

    assert [json.loads(line) for line in lines] == exported(1)


def test_events_of_each_version_have_a_cell_for_each_column_of_the_csv(version_1):
    append(version_1)

    header, *rows = csv.reader(as_csv(AuditEvent.objects.order_by("sequence")))

    assert {len(row) for row in rows} == {len(header)}, (
        "An older event lacks the new column: as_csv in apikeys/audit/export.py leaves"
        " its cell empty."
    )


@pytest.mark.parametrize("sequence", range(1, 23))
def test_a_changed_event_of_version_1_is_named(version_1, tamper, sequence):
    tamper(
        "UPDATE apikeys_auditevent SET request_id = 'x' WHERE sequence = %s", sequence
    )

    assert AuditEvent.objects.verify(version_1) == (sequence, "was changed")


def test_a_chain_of_version_1_goes_on_in_the_newest_version(version_1):
    event = append(version_1)

    assert (event.sequence, event.version) == (23, 2)
    assert event.prev_hash == STORED["chain"]["head"] != GENESIS
    walk = AuditEvent.objects.walk(version_1)
    assert (walk.broken, walk.events, walk.head) == (None, 23, event.hash)


@pytest.mark.parametrize(
    ("sequence", "version", "reason"),
    [
        (22, 2, "was changed"),
        (23, 1, "was changed"),
        (22, 3, UNKNOWN_VERSION),
        (23, 32767, UNKNOWN_VERSION),
    ],
)
def test_a_changed_version_is_named(version_1, tamper, sequence, version, reason):
    append(version_1)
    tamper(
        "UPDATE apikeys_auditevent SET version = %s WHERE sequence = %s",
        version,
        sequence,
    )

    assert AuditEvent.objects.verify(version_1) == (sequence, reason)


def test_an_event_of_an_older_version_does_not_follow_a_newer(version_1, tamper):
    """Though its hash is right, and the recorded end of the chain too."""
    event = append(version_1)
    old = append(version_1)
    old.version = 1
    end = old.compute_hash()
    for sql in (
        "UPDATE apikeys_auditevent SET version = 1, hash = %s WHERE sequence = 24",
        "UPDATE apikeys_auditchain SET head = %s WHERE length = 24",
    ):
        tamper(sql, end)

    assert event.version == 2
    assert AuditEvent.objects.verify(version_1) == (
        (24, "has an older version than the event before it")
    )
