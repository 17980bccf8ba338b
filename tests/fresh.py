"""Databases of a test's own: a fixture for a conftest to import."""

import uuid

import psycopg
import pytest
from django.db import connection
from psycopg import sql


def server():
    """Return a connection to the PostgreSQL server under test."""
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    given = {ours: connection.settings_dict[name] for name, ours in names.items()}
    given = {name: value for name, value in given.items() if value}
    return psycopg.connect(dbname="postgres", autocommit=True, **given)


def url_of(name):
    config = connection.settings_dict
    password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
    place = f"{config['HOST'] or 'localhost'}:{config['PORT'] or 5432}"
    return f"postgres://{config['USER']}{password}@{place}/{name}"


@pytest.fixture
def fresh_database(tmp_path):
    """Return a function that makes an empty database, and returns its URL.

    It is of the kind under test, or of the one that is named.
    """
    made = []

    def fresh_database(vendor=connection.vendor):
        name = f"fresh_{uuid.uuid4().hex}"
        if vendor == "sqlite":
            return f"sqlite:///{tmp_path / name}"
        with server() as postgresql:
            create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            postgresql.execute(create)
        made.append(name)
        return url_of(name)

    yield fresh_database
    for name in made:
        with server() as postgresql:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            postgresql.execute(drop.format(sql.Identifier(name)))
