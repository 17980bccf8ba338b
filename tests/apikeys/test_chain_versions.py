"""Chains as earlier code wrote them. The files in `chains` are never written again."""

import json
from pathlib import Path

import pytest

from apikeys.models import AuditChain, AuditEvent
from echopoint.organizations.models import Organization

CHAINS = Path(__file__).parent / "chains"
STORED = json.loads((CHAINS / "version_1.json").read_text())


@pytest.fixture
def version_1(db):
    """Return the organization whose chain is as version 1 wrote it."""
    organization = Organization.objects.create(**STORED["organization"])
    AuditChain.objects.create(**STORED["chain"])
    for row in STORED["events"]:
        AuditEvent(**row).save_base(raw=True, force_insert=True)
    return organization


def test_the_file_has_what_could_be_written_otherwise():
    events = STORED["events"]

    assert len(events) == STORED["chain"]["length"] == 22
    assert events[-1]["hash"] == STORED["chain"]["head"]
    assert any(event["at"][20:26] == "000000" for event in events)
    assert any(event["at"][23:26] != "000" for event in events)
    assert any(not event["target_label"].isascii() for event in events)
    assert {event["ip"] for event in events} > {"", "2001:db8::7"}


def test_a_chain_of_version_1_is_intact(version_1):
    assert AuditEvent.objects.verify(version_1) is None


@pytest.mark.parametrize("sequence", range(1, 23))
def test_a_changed_event_of_version_1_is_named(version_1, tamper, sequence):
    tamper(
        "UPDATE apikeys_auditevent SET request_id = 'x' WHERE sequence = %s", sequence
    )

    assert AuditEvent.objects.verify(version_1) == (sequence, "was changed")
