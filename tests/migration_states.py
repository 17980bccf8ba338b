"""Fixture for testing migrations on an older schema."""

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor

from echopoint.management.other_database import config_of


@pytest.fixture
def migrate(db, migrated_database):
    """Return a function that migrates to `targets` or the latest state.

    It returns the models of that state. The first call must have targets. It replaces the
    default database, until the test ends, with another one that is migrated to them.
    """
    original = connections[DEFAULT_DB_ALIAS]

    def replace(targets):
        name = config_of(migrated_database(original.vendor, *targets))["NAME"]
        settings = original.settings_dict | {"NAME": name}
        connections[DEFAULT_DB_ALIAS] = type(original)(settings, DEFAULT_DB_ALIAS)

    def migrate(targets=None):
        if connections[DEFAULT_DB_ALIAS] is original:
            replace(targets)
        executor = MigrationExecutor(connection)
        targets = targets or executor.loader.graph.leaf_nodes()
        executor.migrate(targets)
        return executor.loader.project_state(targets).apps

    yield migrate
    if connections[DEFAULT_DB_ALIAS] is not original:
        connections[DEFAULT_DB_ALIAS].close()
        connections[DEFAULT_DB_ALIAS] = original
