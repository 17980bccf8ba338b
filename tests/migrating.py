"""A database of before, brought to now."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.fixture
def migrate(committing):
    """Return a function that brings the schema to the past, or to now; it returns the
    models of then. When the test ends it is as it is now."""

    def migrate(targets=None):
        executor = MigrationExecutor(connection)
        targets = targets or executor.loader.graph.leaf_nodes()
        executor.migrate(targets)
        return executor.loader.project_state(targets).apps

    yield migrate
    migrate()
