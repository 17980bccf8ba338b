"""Old events are deleted behind a seal, and what is left verifies."""

import json
from datetime import timedelta
from importlib import import_module
from io import StringIO
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.audit import exported_file, report
from apikeys.audit.export import as_ndjson
from apikeys.models import (
    AuditChain,
    AuditEvent,
    InstallationChain,
    InstallationEvent,
)
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)
Action = AuditEvent.Action


@pytest.fixture(autouse=True)
def _hundred_days(settings):
    settings.KEEP_AUDIT_DAYS = 100


@pytest.fixture
def record(acme):
    """Return a function that appends an event of some days ago."""

    def record(days, organization=acme):
        return AuditEvent.objects.record(
            Action.REVOKED,
            organization=organization,
            actor=SYSTEM,
            target=("api_key", "key_1", "CI"),
            at=timezone.now() - days * DAY,
            reason=f"{days} days ago",
        )

    return record


@pytest.fixture
def chain(record):
    """Three old events of acme's, and two young ones."""
    return [record(days) for days in (300, 200, 101, 99, 1)]


def prune(*arguments):
    out = StringIO()
    call_command("prune", "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


def verify(*arguments):
    """Return the exit code and the answer for acme of `verify_audit`."""
    out = StringIO()
    code = 0
    try:
        call_command("verify_audit", "--json", *arguments, stdout=out)
    except SystemExit as end:
        code = end.code
    return code, json.loads(out.getvalue())["organizations"][0]


def events(organization):
    rows = AuditEvent.objects.for_org(organization).order_by("sequence")
    return list(rows.values_list("sequence", "action"))


def file_of(organization):
    rows = AuditEvent.objects.for_org(organization).order_by("sequence")
    return [line.encode() for line in as_ndjson(rows)]


def test_old_events_go_and_the_rest_verifies(chain, acme):
    assert prune()["audit"] == 3

    assert events(acme) == [
        (4, "api_key.revoked"),
        (5, "api_key.revoked"),
        (6, "audit.pruned"),
    ]
    seal = AuditEvent.objects.get(action="audit.pruned")
    assert seal.details["through"] == 3
    assert seal.details["last_hash"] == chain[2].hash
    end = AuditChain.objects.get(organization=acme)
    assert (end.base, end.base_hash, end.length, end.event_count) == (
        3,
        chain[2].hash,
        6,
        3,
    )
    code, answer = verify()
    assert code == 0
    assert (answer["intact"], answer["checked"]) == (True, 3)
    assert answer["deleted_for_age"] == 3


def test_the_chain_goes_on_and_is_pruned_again(chain, record, acme, settings):
    prune()
    record(0)
    settings.KEEP_AUDIT_DAYS = 90

    assert prune()["audit"] == 1

    assert [sequence for sequence, _ in events(acme)] == [5, 6, 7, 8]
    assert verify()[0] == 0
    # The seal before this one is not that of the beginning any more.
    assert AuditChain.objects.get(organization=acme).base == 4


def test_nothing_old_leaves_no_event(record, acme):
    record(1)

    assert prune()["audit"] == 0
    assert events(acme) == [(1, "api_key.revoked")]


def test_for_good_means_for_good(chain, acme, settings):
    settings.KEEP_AUDIT_DAYS = 0

    assert prune()["audit"] == 0
    assert len(events(acme)) == 5


def test_all_events_may_be_old(record, acme):
    for days in (300, 200):
        record(days)

    assert prune()["audit"] == 2
    assert events(acme) == [(3, "audit.pruned")]
    assert verify()[0] == 0


def test_an_old_event_behind_a_young_one_stays(record, acme):
    """Clocks differ; a chain loses its beginning and nothing else."""
    for days in (300, 1, 300):
        record(days)

    assert prune()["audit"] == 1
    assert [sequence for sequence, _ in events(acme)] == [2, 3, 4]


def test_a_dry_run_counts(chain, acme):
    assert prune("--dry-run")["audit"] == 3
    assert len(events(acme)) == 5


def test_each_chain_is_pruned_by_itself(chain, record, acme, globex):
    record(1, globex)
    prune()

    assert events(globex) == [(1, "api_key.revoked")]


def test_the_installation_s_chain_is_pruned_too(db):
    for days in (300, 1):
        InstallationEvent.objects.record(
            Action.CONSOLE_CHANGED,
            actor=SYSTEM,
            target=("user", "user_1", "x"),
            at=timezone.now() - days * DAY,
        )

    assert prune()["audit"] == 1

    walk = InstallationEvent.objects.walk()
    assert walk.broken is None
    assert (walk.base, walk.events) == (1, 2)
    assert InstallationChain.objects.get().base == 1


def test_a_run_that_was_cut_off_is_finished_by_the_next(chain, acme):
    before = timezone.now() - 100 * DAY
    AuditEvent.objects.prune(acme, before, by=SYSTEM)
    assert len(events(acme)) == 6
    assert verify()[0] == 0

    assert prune()["audit"] == 3
    assert [sequence for sequence, _ in events(acme)] == [4, 5, 6]


def test_an_event_that_is_put_back_below_the_base_is_found(chain, tamper, acme):
    prune()
    tamper(
        "UPDATE apikeys_auditevent SET sequence = 2 WHERE sequence = 4",
    )

    assert verify()[1]["broken"]["sequence"] == 2


# Files


def test_an_export_of_what_is_left_verifies(chain, acme):
    prune()

    walk = exported_file.check(file_of(acme))[acme.pk]

    assert report.is_intact(walk) is True
    assert "events 1 to 3 were deleted because of their age" in report.in_words(walk)


def test_a_file_whose_beginning_was_taken_away_says_so(chain, acme):
    prune()
    lines = file_of(acme)

    lacks_more = exported_file.check(lines[1:])[acme.pk]
    lacks_the_seal = exported_file.check(lines[:-1])[acme.pk]

    assert report.is_intact(lacks_more) is None
    assert lacks_more.gaps == [(1, 4)]
    assert report.is_intact(lacks_the_seal) is None
    assert lacks_the_seal.gaps == [(1, 3)]


def test_a_file_of_before_verifies_by_the_last_hash_that_was_deleted(chain, acme):
    lines, kept = file_of(acme), chain[2].hash
    prune()

    old = exported_file.check(lines[:3], expected_head=kept)[acme.pk]
    code, answer = verify("--organization", acme.pk, "--expect-head", kept)

    assert report.is_intact(old) is True
    assert code == 0
    assert answer["expected_head"]["sequence"] == 3


def test_a_head_that_was_deleted_for_its_age_is_not_found_and_may_be_that(chain, acme):
    prune()
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command(
            *("verify_audit", "--organization", acme.pk),
            *("--expect-head", chain[0].hash),
            stdout=out,
        )

    assert "or its event was deleted because of its age" in out.getvalue()


# What nobody can do


def refused(statement, *values):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)


def test_the_triggers_let_nothing_else_go(chain, acme):
    prune()

    refused("DELETE FROM apikeys_auditevent WHERE sequence = 4")
    refused("UPDATE apikeys_auditevent SET actor_label = 'x' WHERE sequence = 4")
    refused("UPDATE apikeys_auditchain SET base = 4")
    refused("UPDATE apikeys_auditchain SET base = 2, length = length + 1")
    refused("UPDATE apikeys_auditchain SET base_hash = 'x', length = length + 1")
    # With no event that says so, and with one that says another thing.
    refused("UPDATE apikeys_auditchain SET base = 4, length = length + 1")
    refused("UPDATE apikeys_auditchain SET length = length - 1")
    refused("DELETE FROM apikeys_auditchain")
    assert verify()[0] == 0


def test_the_triggers_keep_the_chains_of_others(chain, record, acme, globex):
    record(1, globex)
    prune()

    refused("DELETE FROM apikeys_auditevent WHERE organization_id = %s", globex.pk)


def test_the_installation_s_triggers_are_the_same(db):
    for days in (300, 200, 1):
        InstallationEvent.objects.record(
            Action.CONSOLE_CHANGED,
            actor=SYSTEM,
            target=("user", "user_1", "x"),
            at=timezone.now() - days * DAY,
        )
    prune()

    refused("DELETE FROM apikeys_installationevent WHERE sequence = 3")
    refused("UPDATE apikeys_installationevent SET actor_label = 'x'")
    refused("UPDATE apikeys_installationchain SET base = 3, length = length + 1")
    refused("DELETE FROM apikeys_installationchain")


def test_a_beginning_that_is_cut_off_without_a_seal_is_found(chain, tamper, acme):
    tamper("DELETE FROM apikeys_auditevent WHERE sequence < 4")
    tamper("UPDATE apikeys_auditchain SET base = 3, base_hash = %s", chain[2].hash)

    code, answer = verify()

    assert code == 1
    assert answer["broken"] == {
        "sequence": 3,
        "reason": "was deleted, and no event says why",
    }


def test_a_beginning_that_is_cut_off_behind_another_seal_is_found(chain, tamper, acme):
    prune()
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = 4")
    tamper("UPDATE apikeys_auditchain SET base = 4, base_hash = %s", chain[3].hash)

    assert verify()[1]["broken"]["sequence"] == 4


def test_a_changed_old_event_keeps_the_chain_as_it_is(chain, tamper, acme):
    """It is the proof of the change."""
    tamper("UPDATE apikeys_auditevent SET actor_label = 'x' WHERE sequence = 2")

    with pytest.raises(CommandError, match="Event 2 was changed"):
        prune()

    assert len(events(acme)) == 5
    assert AuditChain.objects.get(organization=acme).base == 0


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_missing_old_event_keeps_the_chain_as_it_is(chain, tamper, acme, gone):
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = %s", gone)

    with pytest.raises(CommandError, match=f"Event {gone} was deleted"):
        prune()

    assert len(events(acme)) == 4


def test_events_that_are_deleted_during_a_walk_break_nothing(chain, acme):
    """The walk has read the end of the chain, and not yet the events."""
    seen = 0

    def prune_before(execute, sql, params, many, context):
        nonlocal seen
        seen += 1
        if seen == 3:
            prune()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(prune_before):
        walk = AuditEvent.objects.walk(acme)

    assert walk.broken is None
    assert walk.base == 3


def test_events_that_are_being_deleted_break_nothing(record, acme, monkeypatch):
    """The base has risen, and the batches of the deletion go on during the walk."""
    for _ in range(5):
        record(300)
    record(1)
    end = AuditEvent.objects.prune(acme, timezone.now() - 100 * DAY, by=SYSTEM)
    old = AuditEvent.objects.for_org(acme).pruned_events(end)
    seen = 0

    def delete_before(execute, sql, params, many, context):
        nonlocal seen
        seen += 1
        if seen == 3:
            old.filter(sequence__lte=3).delete()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(delete_before):
        walk = AuditEvent.objects.walk(acme)

    assert walk.broken is None
    assert walk.base == 5


def test_of_two_runs_at_once_one_seals(chain, acme, monkeypatch):
    before = timezone.now() - 100 * DAY
    walk_beginning = AuditEvent.objects._walk_beginning

    def after_another(self, *args):
        monkeypatch.undo()
        AuditEvent.objects.prune(acme, before, by=SYSTEM)
        return walk_beginning(*args)

    monkeypatch.setattr(type(AuditEvent.objects), "_walk_beginning", after_another)
    end = AuditEvent.objects.prune(acme, before, by=SYSTEM)

    assert end.base == 3
    assert AuditEvent.objects.filter(action="audit.pruned").count() == 1


def test_the_migration_does_not_go_back_over_a_pruned_chain(chain, acme):
    """Earlier versions would take what is left for a broken chain, for good."""
    checkpoint = import_module("apikeys.migrations.0019_audit_checkpoint")
    editor = SimpleNamespace(connection=connection)
    checkpoint.refuse_after_pruning(apps, editor)
    prune()

    with pytest.raises(RuntimeError, match="deleted for their age"):
        checkpoint.refuse_after_pruning(apps, editor)


def test_the_page_says_what_was_deleted(chain, client, alice, acme):
    prune()
    sign_in(client, alice)
    page = client.get(f"/orgs/{acme.pk}/api-keys/audit/").text

    assert "3 events recorded" in page
    assert "Events 1 to 3 were deleted because of their age." in page
    assert "Up to event 3, with the hash" in page
