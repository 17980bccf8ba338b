"""The migration of the audit's events to versions, with events in the table."""

import json
from contextlib import ExitStack
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction

from apikeys.models import AuditEvent
from echopoint.core.characters import fold
from echopoint.management.other_database import ALIAS, connected
from echopoint.organizations.models import Organization
from tests.stored_chains import ROWS, STORED
from tests.temporary_databases import Databases, make_copyable

pytestmark = pytest.mark.slow

BEFORE = "0006_name_and_scope_indexes"
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


@pytest.fixture(scope="module")
def stages(tmp_path_factory, migrated_template, django_db_blocker):
    """Return databases with a chain: from before versions, with them, and the latest."""
    databases = Databases(tmp_path_factory.mktemp("stages"))
    folding = import_module("apikeys.migrations.0016_audit_folded_labels")
    vendor = connection.vendor
    last, stages = migrated_template(vendor, ("apikeys", BEFORE)), {}

    def stage(name, change, *arguments):
        nonlocal last
        last = stages[name] = databases.create(vendor, last)
        with connected(databases.url(vendor, last)) as other:
            change(*arguments)
            make_copyable(other)

    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        # The labels of the chain are folded in more than one batch.
        patch.setattr(folding, "BATCH", 5)
        stage("before", fill)
        stage("0011", migrate, "0011")
        stage("latest", migrate)
    yield stages
    databases.drop()


def fill():
    Organization.objects.using(ALIAS).create(**STORED["organization"])
    insert("apikeys_auditchain", STORED["chain"])
    for row in ROWS:
        insert("apikeys_auditevent", row)


@pytest.fixture
def at(db, tmp_path, stages):
    """Return a function that connects to a copy of the database at a stage."""
    databases = Databases(tmp_path)
    vendor = connection.vendor

    with ExitStack() as stack:
        # Dropped after the connection is closed.
        stack.callback(databases.drop)

        def at(stage):
            url = databases.url(vendor, databases.create(vendor, stages[stage]))
            return stack.enter_context(connected(url))

        yield at


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


def stored():
    """Return the rows of events as they are stored."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT * FROM apikeys_auditevent ORDER BY sequence")
        return [column[0] for column in cursor.description], cursor.fetchall()


def test_existing_events_become_version_1(at):
    at("0011")

    assert set(events().values_list("version", flat=True)) == {1}
    assert events().count() == 22


def test_after_all_migrations_events_are_intact_and_cannot_be_changed(at):
    latest = at("latest")

    assert set(events().values_list("version", flat=True)) == {1}
    assert verify() is None
    for sql in [*REFUSED, REPLACED[latest.vendor]]:
        assert is_refused(latest, sql), sql
    assert verify() is None


def test_all_triggers_are_there_after_all_migrations(at):
    latest = at("latest")

    undo = {
        "sqlite": append_only.SQLITE_UNDO,
        "postgresql": append_only.POSTGRESQL_UNDO,
    }
    with latest.cursor() as cursor:
        for sql in undo[latest.vendor]:
            cursor.execute(sql)
    assert not is_refused(latest, REFUSED[0])


def test_the_migration_goes_back_while_all_events_are_of_version_1(at):
    other = at("0011")
    before = stored()

    migrate(BEFORE)

    assert is_refused(other, REFUSED[0])
    assert is_refused(other, REPLACED[other.vendor])
    migrate("0011")
    assert stored() == before


def test_the_migration_does_not_go_back_over_events_of_version_2(at):
    other = at("0011")
    row = ROWS[0] | {"sequence": 23, "version": 2}
    insert("apikeys_auditevent", row)

    with pytest.raises(RuntimeError, match="events of version 2"):
        migrate(BEFORE)

    assert events().filter(version=2).count() == 1
    assert is_refused(other, REFUSED[0])


def test_labels_of_before_are_folded(at):
    at("latest")

    assert events().count() == 22
    for event in events():
        assert event.actor_key == fold(event.actor_label) != ""
        assert event.target_key == fold(event.target_label) != ""


def test_folded_labels_go_back_and_the_triggers_stay(at):
    other = at("latest")

    migrate("0015")

    assert events().count() == 22
    for sql in [*REFUSED, REPLACED[other.vendor]]:
        assert is_refused(other, sql), sql
    migrate()
    assert verify() is None
