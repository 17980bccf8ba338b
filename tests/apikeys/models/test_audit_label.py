"""The labels of the audit are those of its events, on PostgreSQL."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import AuditEvent, AuditLabel

pytestmark = pytest.mark.postgresql


@pytest.fixture
def record(acme):
    """Return a function that appends an event about a key with a name."""

    def record(name, *, days=0, target_type="api_key", actor="alice"):
        return AuditEvent.objects.record(
            "api_key.renamed",
            organization=acme,
            actor=Actor("user", "user_1", f"{actor}@acme.example", "page"),
            target=(target_type, "key_1", name),
            at=timezone.now() - timedelta(days=days),
        )

    return record


def labels(organization):
    rows = AuditLabel.objects.for_org(organization)
    return sorted(rows.values_list("kind", "subject_id", "key"))


def test_a_label_is_stored_once_as_it_is_searched(record, acme, globex):
    for name in ("Straße", "STRASSE", "Pipeline"):
        record(name)

    assert labels(acme) == [
        ("actor", "user_1", "alice@acme.example"),
        ("target", "key_1", "pipeline"),
        ("target", "key_1", "strasse"),
    ]
    assert labels(globex) == []


def test_only_keys_and_people_are_targets(record, acme):
    record("Acme", target_type="organization")

    assert [kind for kind, *_ in labels(acme)] == ["actor"]


def test_labels_of_deleted_events_go_with_them(record, acme, settings):
    settings.KEEP_AUDIT_DAYS = 100
    record("old", days=300, actor="gone")
    record("lasting", days=300)
    record("lasting")

    call_command("prune")

    # The last event, that of the deletion, is about the organization.
    assert labels(acme) == [
        ("actor", "prune", "command prune"),
        ("actor", "user_1", "alice@acme.example"),
        ("target", "key_1", "lasting"),
    ]
