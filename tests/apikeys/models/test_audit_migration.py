"""The migration of the audit's events to versions, with events in the table."""

import json
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction

from apikeys.models import AuditEvent
from echopoint.core.characters import fold
from echopoint.management.other_database import ALIAS, connected
from echopoint.organizations.models import Organization
from tests.stored_chains import ROWS, STORED

BEFORE = "0006"
append_only = import_module("apikeys.migrations.0002_audit_append_only")
REFUSED = [
    "UPDATE apikeys_auditevent SET actor_label = 'mallory'",
    "UPDATE apikeys_auditevent SET version = 2",
    "DELETE FROM apikeys_auditevent WHERE sequence = 22",
    "UPDATE apikeys_auditchain SET length = length - 1",
    "DELETE FROM apikeys_auditchain",
]
REPLACED = {
    "sqlite": "INSERT OR REPLACE INTO apikeys_auditevent"
    " SELECT * FROM apikeys_auditevent WHERE sequence = 1",
    "postgresql": "TRUNCATE apikeys_auditevent",
}


def migrate(*target):
    """Bring the database to this migration, or to the last."""
    of = ("apikeys", *target) if target else ()
    call_command("migrate", *of, database=ALIAS, verbosity=0)


def insert(table, values):
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
            [json.dumps(v) if isinstance(v, dict) else v for v in values.values()],
        )


@pytest.fixture
def filled(db, migrated_database):
    """Yield another database, migrated to before there were versions, with a chain."""
    url = migrated_database(connection.vendor, ("apikeys", BEFORE), ("organizations",))
    with connected(url) as other:
        Organization.objects.using(ALIAS).create(**STORED["organization"])
        insert("apikeys_auditchain", STORED["chain"])
        for row in ROWS:
            insert("apikeys_auditevent", row)
        yield other


def events():
    return AuditEvent.objects.using(ALIAS)


def organization():
    return Organization.objects.using(ALIAS).get()


def verify():
    return AuditEvent.objects.db_manager(ALIAS).verify(organization())


def is_refused(connection, sql):
    try:
        with transaction.atomic(ALIAS), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


def test_existing_events_become_version_1_and_stay_intact(filled):
    migrate("0011")

    assert set(events().values_list("version", flat=True)) == {1}
    assert events().count() == 22
    migrate()
    assert verify() is None


def test_after_all_migrations_events_cannot_be_changed(filled):
    migrate()

    for sql in [*REFUSED, REPLACED[filled.vendor]]:
        assert is_refused(filled, sql), sql
    assert verify() is None


def test_all_triggers_are_there_after_all_migrations(filled):
    migrate()

    undo = {
        "sqlite": append_only.SQLITE_UNDO,
        "postgresql": append_only.POSTGRESQL_UNDO,
    }
    with filled.cursor() as cursor:
        for sql in undo[filled.vendor]:
            cursor.execute(sql)
    assert not is_refused(filled, REFUSED[0])


def test_the_migration_goes_back_while_all_events_are_of_version_1(filled):
    migrate("0011")

    migrate(BEFORE)

    assert is_refused(filled, REFUSED[0])
    assert is_refused(filled, REPLACED[filled.vendor])
    migrate()
    assert verify() is None


def test_the_migration_does_not_go_back_over_events_of_version_2(filled):
    migrate("0011")
    row = ROWS[0] | {"sequence": 23, "version": 2}
    insert("apikeys_auditevent", row)

    with pytest.raises(RuntimeError, match="events of version 2"):
        migrate(BEFORE)

    assert events().filter(version=2).count() == 1
    assert is_refused(filled, REFUSED[0])


def test_labels_of_before_are_folded_whatever_the_size_of_a_batch(filled, monkeypatch):
    folding = import_module("apikeys.migrations.0016_audit_folded_labels")
    monkeypatch.setattr(folding, "BATCH", 5)

    migrate()

    for event in events():
        assert event.actor_key == fold(event.actor_label) != ""
        assert event.target_key == fold(event.target_label) != ""
    assert verify() is None


def test_folded_labels_go_back_and_the_triggers_stay(filled):
    migrate()

    migrate("0015")

    assert events().count() == 22
    for sql in [*REFUSED, REPLACED[filled.vendor]]:
        assert is_refused(filled, sql), sql
    migrate()
    assert verify() is None
