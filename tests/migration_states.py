"""Fixture for testing migrations on an older schema."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.fixture
def migrate(committing):
    """Return a function that migrates to `targets` or the latest state.

    It returns the models of that state. The schema is restored after the test.
    """

    def migrate(targets=None):
        executor = MigrationExecutor(connection)
        targets = targets or executor.loader.graph.leaf_nodes()
        executor.migrate(targets)
        return executor.loader.project_state(targets).apps

    yield migrate
    migrate()
