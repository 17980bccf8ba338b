"""Chains that earlier versions wrote. The files in `chains` are never written again."""

import json

import pytest

from apikeys.actors import Actor
from apikeys.models import AuditChain, AuditEvent
from echopoint.organizations.models import Organization
from tests.paths import ROOT

CHAINS = ROOT / "tests/apikeys/audit/chains"
STORED = json.loads((CHAINS / "version_1.json").read_text())
# The database assigns new ids.
ROWS = [{k: v for k, v in row.items() if k != "id"} for row in STORED["events"]]


@pytest.fixture
def version_1(db):
    """Return an organization with a chain that version 1 wrote."""
    organization = Organization.objects.create(**STORED["organization"])
    AuditChain.objects.create(**STORED["chain"])
    for row in ROWS:
        AuditEvent(**row, version=1).save_base(raw=True, force_insert=True)
    return organization


def append(organization):
    """Record one more event."""
    return AuditEvent.objects.record(
        "api_key.revoked",
        organization=organization,
        actor=Actor.command("test"),
        target=("api_key", "key_1", "CI"),
        reason="tidied up",
    )
