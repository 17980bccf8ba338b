"""Connect a management command to a second database."""

import warnings
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error, connections

from echopoint.settings import databases_entry

ALIAS = "other"
INVALID_URL = (
    "The URL is not a valid database URL. Use postgres://user:password@host:5432/name or"
    " sqlite:///file."
)


def config_of(url):
    """Return Django's settings for a database URL. Errors never quote it."""
    try:
        # environ warns about unknown schemes, and quotes the URL with the password.
        with warnings.catch_warnings(action="ignore"):
            config = databases_entry(url)
    except (ImproperlyConfigured, ValueError, KeyError, TypeError):
        raise CommandError(INVALID_URL) from None
    engine = config["ENGINE"].rpartition(".")[2]
    if engine not in {"sqlite3", "postgresql"} or config["NAME"] in {"", ":memory:"}:
        raise CommandError(INVALID_URL)
    return config


def first_line(error):
    """Return the first line of a database error. The next ones may contain row values."""
    return str(error).strip().partition("\n")[0]


def connect(connection):
    try:
        with connection.wrap_database_errors:
            connection.connect()
    except Error as error:
        raise CommandError(
            f"The other database cannot be opened: {first_line(error)}."
        ) from None


@contextmanager
def connected(url, alias=ALIAS):
    """Register the database under the alias and yield its connection."""
    config = config_of(url)
    configured = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: config})
    connections.settings[alias] = configured[alias]
    try:
        connect(connections[alias])
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]
