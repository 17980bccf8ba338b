"""Fixtures for temporary databases, on SQLite or PostgreSQL."""

import uuid
from functools import cache
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from echopoint.management.other_database import ALIAS, connected


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
def migrated_template(tmp_path_factory, django_db_setup, django_db_blocker):
    """Return a function that returns the name of a migrated database, to copy from.

    It is migrated to the targets, as `migrate` has them, or to the last migration.
    """
    databases = Databases(tmp_path_factory.mktemp("template"))

    @cache
    def migrated_template(vendor, *targets):
        name = databases.create(vendor)
        with django_db_blocker.unblock(), connected(databases.url(vendor, name)) as new:
            for target in targets or [()]:
                call_command(
                    "migrate", *target, database=ALIAS, interactive=False, verbosity=0
                )
            if vendor == "sqlite":
                # Move the WAL into the file, because only the file is copied.
                new.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
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
