"""Operations of migrations that lock no table of PostgreSQL."""

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.state import ProjectState
from django.test.utils import CaptureQueriesContext

from echopoint.core.migrating import AddIndex, RemoveIndex

TABLE, APP, NAME = "organizations_organization", "organizations", "some_index"


def columns():
    """Return the columns of the index, or None."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, TABLE).get(NAME)
    return found and found["columns"]


@pytest.fixture
def run(committing):
    """Return a function that runs an operation and returns its statements.

    Concurrent operations refuse transactions, so there is none around the test.
    """
    states = [ProjectState.from_apps(apps)]

    def run(operation):
        states.append(states[-1].clone())
        operation.state_forwards(APP, states[-1])
        with (
            CaptureQueriesContext(connection) as queries,
            connection.schema_editor(atomic=False) as editor,
        ):
            operation.database_forwards(APP, editor, *states[-2:])
        return [query["sql"] for query in queries]

    yield run
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {NAME}")


def index():
    return models.Index(fields=["name", "id"], name=NAME)


def test_an_index_takes_the_place_of_what_a_failed_attempt_left(run):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {NAME} ON {TABLE} (id)")

    run(AddIndex("organization", index()))

    assert columns() == ["name", "id"]


def test_an_index_can_be_removed_again_after_a_failed_attempt(run):
    run(AddIndex("organization", index()))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {NAME}")

    run(RemoveIndex("organization", NAME))

    assert columns() is None


@pytest.mark.postgresql
def test_writers_do_not_wait(run):
    statements = run(AddIndex("organization", index()))
    statements += run(RemoveIndex("organization", NAME))

    changes = [sql for sql in statements if sql.startswith(("CREATE", "DROP"))]
    assert len(changes) == 3
    assert all("INDEX CONCURRENTLY" in sql for sql in changes)
