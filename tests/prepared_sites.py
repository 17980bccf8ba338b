"""Fixtures for real servers that start with a copy of a migrated database."""

import io
import json
from contextlib import contextmanager
from functools import partial

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test import override_settings

from echopoint.management.other_database import connected
from tests.gunicorn_site import Site, environment_of, served
from tests.temporary_databases import Databases

# The migrated database has fingerprints of them.
SECRETS = ("SECRET_KEY", "API_KEY_PEPPERS", "ENCRYPTION_KEYS")
# Slow, unlike the hash of the test suite, which the site cannot verify.
HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


def secrets_of_tests():
    return {name: getattr(settings, name) for name in SECRETS}


@pytest.fixture(scope="session")
def default_database(django_db_blocker):
    """Return a context manager that makes a database the default one of this thread."""

    @contextmanager
    def default_database(url):
        with django_db_blocker.unblock(), connected(url) as other:
            under_test = connections[DEFAULT_DB_ALIAS]
            connections[DEFAULT_DB_ALIAS] = other
            try:
                yield
            finally:
                connections[DEFAULT_DB_ALIAS] = under_test

    return default_database


@pytest.fixture(scope="session")
def manage_in_process(default_database):
    """Return a function that runs a management command on a database.

    It returns the JSON that the command wrote. A new process would load Django first.
    """

    def manage_in_process(url, *command, **options):
        output = io.StringIO()
        with default_database(url), override_settings(PASSWORD_HASHERS=HASHERS):
            call_command(*command, "--json", stdout=output, **options)
        return json.loads(output.getvalue())

    return manage_in_process


@pytest.fixture(scope="session")
def running_site(migrated_template, default_database, manage_in_process):
    """Return a context manager that serves a site without static files; it yields the site.

    The site listens on a port, or on a unix socket with the path. `site.command` runs a
    management command with it, and in `site.database()` the models are those of the site.
    """

    @contextmanager
    def running_site(folder, *, unix_socket=None, log=None, **variables):
        databases = Databases(folder)
        name = databases.create(connection.vendor, migrated_template(connection.vendor))
        environment = environment_of(
            folder,
            databases.url(connection.vendor, name),
            **secrets_of_tests() | variables,
        )
        port = int(environment["PORT"])
        with override_settings(PORT=port):
            demo = manage_in_process(
                environment["DATABASE_URL"], "demo", remember=folder / "demo.json"
            )
        try:
            with served(environment, unix_socket or port, log):
                site = Site(environment, demo)
                site.command = partial(manage_in_process, environment["DATABASE_URL"])
                site.database = partial(default_database, environment["DATABASE_URL"])
                yield site
        finally:
            databases.drop()

    return running_site
