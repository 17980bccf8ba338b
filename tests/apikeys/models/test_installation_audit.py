"""The installation's chain: events without an organization, append-only and verified."""

import json
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apikeys.actors import Actor
from apikeys.audit import exported_file, hash_chain
from apikeys.audit.hash_chain import FIELDS, LATEST
from apikeys.models import AuditEvent, InstallationChain, InstallationEvent
from apikeys.models.audit_chain import Immutable

people_audit = import_module("apikeys.migrations.0017_people_audit")
checkpoint = import_module("apikeys.migrations.0019_audit_checkpoint")
UNDO = {
    "postgresql": [
        "SET CONSTRAINTS ALL IMMEDIATE",
        *checkpoint.postgresql_undo(),
        *people_audit.POSTGRESQL_UNDO,
    ],
    "sqlite": [*checkpoint.sqlite_undo(), *people_audit.SQLITE_UNDO],
}


@pytest.fixture
def record(db):
    """Return a function that appends an event."""

    def record(**details):
        return InstallationEvent.objects.record(
            "console.changed",
            actor=Actor.command("test"),
            target=("record", "1", "a group"),
            **details,
        )

    return record


@pytest.fixture
def chain(record):
    return [record(model=f"group {n}") for n in range(1, 4)]


@pytest.fixture
def tamper(chain):
    """Return a function that runs SQL as if nothing guarded the chain."""
    with connection.cursor() as cursor:
        for statement in UNDO[connection.vendor]:
            cursor.execute(statement)

    def tamper(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            assert cursor.rowcount > 0

    return tamper


def verify(capsys, *arguments):
    """Return the exit code of `verify_audit`, and what it says."""
    code = 0
    try:
        call_command("verify_audit", *arguments)
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


def test_events_form_a_chain_that_is_named_in_what_is_hashed(chain):
    hashes = [event.hash for event in chain]

    assert [event.sequence for event in chain] == [1, 2, 3]
    assert [event.prev_hash for event in chain] == ["0" * 64, *hashes[:-1]]
    end = InstallationChain.objects.get()
    assert (end.length, end.head) == (3, hashes[-1])
    record = chain[0].as_dict()
    assert record["organization_id"] == "installation"
    assert set(record) == {*FIELDS[LATEST], "hash"}
    assert hash_chain.event_hash(record) == chain[0].hash


def test_records_are_the_events_as_dicts(chain):
    records = list(InstallationEvent.objects.order_by("sequence").records())

    assert [list(record.items()) for record in records] == [
        list(event.as_dict().items()) for event in chain
    ]


def test_a_kept_event_is_read_back_as_it_was_hashed(chain):
    for event in InstallationEvent.objects.all():
        assert event.compute_hash() == event.hash


def test_the_chain_is_apart_from_those_of_organizations(chain, acme):
    assert not AuditEvent.objects.exists()
    assert AuditEvent.objects.verify(acme) is None


def test_it_is_verified_and_named(chain, capsys):
    code, out = verify(capsys)

    assert code == 0
    assert out.startswith("installation: all 3 events are intact")
    assert verify(capsys, "--organization", "installation") == (0, out)


def test_a_head_that_was_kept_is_looked_for(chain, capsys):
    arguments = ["--organization", "installation", "--expect-head"]

    assert verify(capsys, *arguments, chain[1].hash)[0] == 0
    code, out = verify(capsys, *arguments, "f" * 64)
    assert code == 1
    assert "The expected head was not found" in out


def test_a_head_needs_a_chain_where_there_are_several(chain, acme):
    with pytest.raises(CommandError, match="--organization"):
        call_command("verify_audit", "--expect-head", chain[0].hash)


def test_before_its_first_event_nothing_is_said_of_it_unless_it_is_named(db, capsys):
    assert verify(capsys) == (0, "")
    code, out = verify(capsys, "--organization", "installation")
    assert (code, out) == (0, "installation: no events, nothing to check.\n")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "UPDATE apikeys_installationevent SET ip = 'x' WHERE sequence = 2",
            "event 2 was changed",
        ),
        (
            "DELETE FROM apikeys_installationevent WHERE sequence = 2",
            "event 2 was deleted",
        ),
        (
            "DELETE FROM apikeys_installationevent WHERE sequence = 3",
            "event 3 was deleted",
        ),
        (
            "UPDATE apikeys_installationevent SET sequence = 9 WHERE sequence = 3",
            "event 3 was deleted",
        ),
        ("DELETE FROM apikeys_installationchain", "event 1 was inserted"),
    ],
)
def test_a_broken_link_is_named(tamper, capsys, sql, said):
    tamper(sql)

    code, out = verify(capsys)

    assert code == 1
    assert f"installation: BROKEN: {said}" in out


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE apikeys_installationevent SET actor_label = 'mallory'",
        "DELETE FROM apikeys_installationevent WHERE sequence = 3",
        "DELETE FROM apikeys_installationevent",
        "DELETE FROM apikeys_installationchain",
        "UPDATE apikeys_installationchain SET length = length - 1",
        "UPDATE apikeys_installationchain SET head = 'x'",
    ],
)
def test_the_database_refuses_to_change_it(chain, sql, capsys):
    refused = pytest.raises(DatabaseError, match="append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert verify(capsys)[0] == 0


def test_replacing_an_event_is_refused(chain):
    insert = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"{insert} INTO apikeys_installationevent"  # noqa: S608
            " SELECT * FROM apikeys_installationevent WHERE sequence = 1"
        )


@pytest.mark.postgresql
def test_the_database_refuses_to_empty_the_table(chain):
    refused = pytest.raises(DatabaseError, match="append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE apikeys_installationevent"
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: InstallationEvent.objects.all().delete(),
        lambda event: InstallationEvent.objects.update(action="x"),
        lambda event: InstallationEvent.objects.bulk_create([InstallationEvent()]),
        lambda event: InstallationEvent.person_events.all().delete(),
        lambda event: InstallationEvent.person_events.update(action="x"),
    ],
)
def test_the_model_refuses_to_change_it(chain, change):
    with pytest.raises((Immutable, DatabaseError)), transaction.atomic():
        change(chain[0])

    assert InstallationEvent.objects.walk().broken is None


def test_details_are_those_of_the_action_and_hold_no_key(record, issue):
    _, secret = issue()

    with pytest.raises(ValueError, match="takes no details"):
        record(secret="x")  # noqa: S106
    event = record(model=f"group {secret}")

    assert secret[22:] not in str(event.as_dict())


def test_its_events_can_be_checked_as_a_file(chain):
    lines = [json.dumps(event.as_dict()).encode() for event in chain]

    (walk,) = exported_file.check(lines).values()

    assert (walk.broken, walk.gaps, walk.events) == (None, [], 3)


@pytest.mark.postgresql
def test_events_at_once_follow_each_other(committing, record, at_once):
    found = at_once(6, lambda n: [record(model=f"{n}") for _ in range(3)])

    assert [one for one in found if isinstance(one, Exception)] == []
    walk = InstallationEvent.objects.walk()
    assert (walk.broken, walk.events) == (None, 18)
