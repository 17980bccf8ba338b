"""Fixtures for temporary databases, on SQLite or PostgreSQL."""

import uuid
from functools import cache
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import setup_databases, teardown_databases
from psycopg import sql

from echopoint.management.other_database import ALIAS, connected

# On PostgreSQL, and of a database in memory on SQLite.
TEST_NAMES = (TEST_DATABASE_PREFIX, "file:memorydb")


def server():
    """Return a connection to the PostgreSQL server under test."""
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    given = {ours: connection.settings_dict[name] for name, ours in names.items()}
    given = {name: value for name, value in given.items() if value}
    return psycopg.connect(dbname="postgres", autocommit=True, **given)


def execute(statement, *names):
    with server() as postgresql:
        postgresql.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def url_of(name):
    config = connection.settings_dict
    password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
    place = f"{config['HOST'] or 'localhost'}:{config['PORT'] or 5432}"
    return f"postgres://{config['USER']}{password}@{place}/{name}"


class Databases:
    """Creates databases in a folder or on the server, and drops those on the server."""

    def __init__(self, folder):
        self.folder, self.created = folder, []

    def create(self, vendor, template=None):
        """Return the name of a new database, empty unless there is a template."""
        name = f"fresh_{uuid.uuid4().hex}"
        if vendor == "sqlite":
            content = Path(template).read_bytes() if template else b""
            (self.folder / name).write_bytes(content)
            return str(self.folder / name)
        if template:
            execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        else:
            execute("CREATE DATABASE {}", name)
        self.created.append(name)
        return name

    def url(self, vendor, name):
        return f"sqlite:///{name}" if vendor == "sqlite" else url_of(name)

    def drop(self):
        for name in self.created:
            execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def fresh_database(tmp_path):
    """Return a function that creates an empty database and returns its URL.

    The default vendor is the one under test.
    """
    databases = Databases(tmp_path)

    def fresh_database(vendor=connection.vendor):
        return databases.url(vendor, databases.create(vendor))

    yield fresh_database
    databases.drop()


@pytest.fixture(scope="session")
def django_db_setup(request, django_db_setup, tmp_path_factory, django_db_blocker):
    """Copy the test database while it is new, for tests that need another like it.

    Return the name of the copy, or None if no test needs one.
    """
    databases = Databases(tmp_path_factory.mktemp("copy"))
    is_needed = any(
        "migrated_template" in getattr(item, "fixturenames", ())
        for item in request.session.items
    )
    with django_db_blocker.unblock():
        # pytest-django creates the test database only if a test uses it directly.
        own = create_test_database() if is_needed and not is_test_database() else []
        yield copy_test_database(databases) if is_needed else None
        teardown_databases(own, verbosity=0)
    databases.drop()


def is_test_database():
    """Whether the connection is to the test database, not to that of DATABASE_URL."""
    return str(connection.settings_dict["NAME"]).startswith(TEST_NAMES)


def create_test_database():
    return setup_databases(0, interactive=False, aliases={DEFAULT_DB_ALIAS})


def copy_test_database(databases):
    if connection.vendor == "postgresql":
        connection.close()  # PostgreSQL copies a database that nobody uses.
        return databases.create("postgresql", connection.settings_dict["NAME"])
    name = databases.create("sqlite")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [name])
    return name


def make_copyable(database):
    """Move the WAL of SQLite into the file, because only the file is copied."""
    if database.vendor == "sqlite":
        database.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def migrate_before(database, targets):
    """Run all migrations except those after the targets, and what depends on these."""
    executor = MigrationExecutor(database)
    graph = executor.loader.graph
    later = {
        migration
        for target in targets
        for child in graph.node_map[target].children
        if child.key[0] == target[0]
        for migration in graph.backwards_plan(child.key)
    }
    leaves = graph.leaf_nodes()
    plan = [
        (migration, backwards)
        for migration, backwards in executor.migration_plan(leaves)
        if (migration.app_label, migration.name) not in later
    ]
    executor.migrate(leaves, plan)


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory, django_db_setup, django_db_blocker):
    """Return a function that returns the name of a migrated database, to copy from.

    It has all migrations, except those after the targets, and what depends on these.
    """
    databases = Databases(tmp_path_factory.mktemp("template"))

    @cache
    def migrated_template(vendor, *targets):
        if vendor == connection.vendor and not targets:
            return django_db_setup
        name = databases.create(vendor)
        with django_db_blocker.unblock(), connected(databases.url(vendor, name)) as new:
            if targets:
                migrate_before(new, targets)
            else:
                call_command("migrate", database=ALIAS, interactive=False, verbosity=0)
            make_copyable(new)
        return name

    yield migrated_template
    databases.drop()


@pytest.fixture
def migrated_database(tmp_path, migrated_template):
    """Return a function that creates a migrated database and returns its URL."""
    databases = Databases(tmp_path)

    def migrated_database(vendor=connection.vendor, *targets):
        name = databases.create(vendor, migrated_template(vendor, *targets))
        return databases.url(vendor, name)

    yield migrated_database
    databases.drop()
