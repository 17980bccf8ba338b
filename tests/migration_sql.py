"""The SQL that a migration runs on PostgreSQL, collected without a server."""

import re

from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython
from django.db.migrations.state import ProjectState
from psycopg import sql

from echopoint.core.migrating import RunWithoutModels
from echopoint.core.postgresql.base import DatabaseWrapper
from tests.paths import ROOT

OURS = ("apikeys", "echopoint")
# In place of a function that changes rows through models.
CHANGES_ROWS = "-- RunPython"


class NoServer(DatabaseWrapper):
    """A connection to nothing, for an editor that only collects statements."""

    pg_version = 15_00_00

    def __init__(self):
        super().__init__({"NAME": "none", "OPTIONS": {}}, DEFAULT_DB_ALIAS)
        # Django's own asks the server how to quote.
        self.ops.compose_sql = with_values

    def cursor(self):
        return FoundCursor()


def with_values(statement, values):
    return statement % tuple(map(sql.quote, values)) if values else statement


class FoundCursor:
    """Finds an extension that a migration looks for, and no constraint to drop."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def execute(self, statement, values=None):
        pass

    def fetchone(self):
        return (1,)

    def fetchall(self):
        return []


def released():
    """Return the migrations of the first release, as (app, name)."""
    dump = (ROOT / "tests/releases/first/postgresql.sql").read_text()
    row = r"INTO public\.django_migrations VALUES \(\d+, '(\w+)', '(\w+)'"
    return set(re.findall(row, dump))


def statements_since_the_first_release():
    """Return the migrations of the project since then, and the statements of each."""
    graph = MigrationLoader(None).graph
    state, found, known = ProjectState(), {}, released()
    for app, name in graph._generate_plan(graph.leaf_nodes(), at_end=True):
        migration = graph.nodes[app, name]
        if (app, name) in known or not type(migration).__module__.startswith(OURS):
            migration.mutate_state(state, preserve=False)
        else:
            found[migration] = collected(migration, state)
    return found


def collected(migration, state):
    """Return the statements, and apply the migration to the state."""
    with NoServer().schema_editor(collect_sql=True, atomic=False) as editor:
        for operation in migration.operations:
            before = state.clone()
            operation.state_forwards(migration.app_label, state)
            if isinstance(operation, RunWithoutModels):
                operation.code(None, editor)
            elif isinstance(operation, RunPython):
                editor.collected_sql.append(CHANGES_ROWS)
            else:
                operation.database_forwards(migration.app_label, editor, before, state)
    return editor.collected_sql
