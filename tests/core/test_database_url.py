"""A mistyped DATABASE_URL stops the start, and the message never quotes it."""

import pytest

from echopoint.core.database_url import database_settings
from tests.core.startup_errors import PASSWORD, error_of

POSTGRES = f"postgres://me:{PASSWORD}@db.example:5432/echopoint"


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "db.sqlite3",
        "postgre://me@db.example/echopoint",
        "mysql://me@db.example/echopoint",
        POSTGRES.replace("5432", "54x2"),
        "sqlite://db.sqlite3",
        "sqlite:///",
        "sqlite:///db.sqlite3?timeout=5",
        f"{POSTGRES}?atomic_requests=treu",
        f"{POSTGRES}?disable_server_side_cursors=ture",
        f"{POSTGRES.replace('hunter', 'hunter#')}?autocommit=nope",
        f"{POSTGRES}?server_side_binding=flase",
        f"{POSTGRES}?conn_max_age=-1",
    ],
)
def test_a_mistyped_database_url_is_refused(url):
    assert "DATABASE_URL" in error_of(database_settings, url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (POSTGRES.replace("hunter", "hunter#"), "%23"),
        (POSTGRES.replace("hunter", "1#hunter"), "%23"),
        (POSTGRES.replace("hunter", "1/hunter"), "%2F"),
        (POSTGRES.replace("hunter", "1?hunter"), "%3F"),
        (f"{POSTGRES}#{PASSWORD}", "%23"),
        (f"sqlite:///db.sqlite3#{PASSWORD}", "path of a SQLite file"),
        (POSTGRES.removesuffix("/echopoint"), "names no database"),
        (POSTGRES.removesuffix("echopoint"), "names no database"),
        (f"{POSTGRES.removesuffix('echopoint')}?sslmode=require", "names no database"),
        (f"{POSTGRES}?Pool=treu", "in lower case"),
        (f"{POSTGRES}?SSLMODE=require", "in lower case"),
        (f"{POSTGRES}?sslmod=require", "unknown option"),
        (f"{POSTGRES}?{PASSWORD}=1", "neither Django nor PostgreSQL"),
        (f"{POSTGRES}?pool=treu", "pool in DATABASE_URL is 'treu'. Set it to true"),
        (f"{POSTGRES}?pool=", "pool in DATABASE_URL is ''"),
        (f"{POSTGRES}?sslmode=requier", "one of: disable, allow, prefer, require"),
        (f"{POSTGRES}?sslmode=", "sslmode in DATABASE_URL is ''"),
        (f"{POSTGRES}?target_session_attrs=readwrite", "one of: any, read-write"),
        (f"{POSTGRES}?isolation_level=serialisable", "one of: 1, 2, 3, 4"),
        (f"{POSTGRES}?keepalives=yes", "one of: 0, 1"),
        (f"{POSTGRES}?connect_timeout=5s", "Set it to a whole number"),
        (f"{POSTGRES}?conn_max_age=5s", "Set it to a whole number"),
    ],
)
def test_a_mistyped_database_url_is_refused_with_a_hint(url, said):
    refused = error_of(database_settings, url)

    assert "DATABASE_URL" in refused
    assert said in refused


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite:///",
        POSTGRES.replace("hunter", "hunter#"),
        POSTGRES.removesuffix("/echopoint"),
        f"{POSTGRES}?sslmod=require",
        f"{POSTGRES}?sslmode=requier",
        f"{POSTGRES}?atomic_requests=treu",
        f"{POSTGRES}?pool=treu",
        f"{POSTGRES}?conn_max_age=5s",
    ],
)
def test_the_error_names_the_variable_of_the_url(url):
    refused = error_of(database_settings, url, "OTHER_URL")

    assert "OTHER_URL" in refused
    assert "DATABASE_URL" not in refused


@pytest.mark.parametrize(
    "url",
    [
        POSTGRES.replace("hunter", "hunter%23%2F%3F%40"),
        "postgres:///echopoint?host=/run/postgresql",
        "postgres://?service=echopoint",
        f"{POSTGRES}?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=5",
        f"{POSTGRES}?isolation_level=4&target_session_attrs=primary&keepalives=1",
        f"{POSTGRES}?pool=true&options=-c%20search_path%3Da&application_name=e@x",
        "postgres://u:p@one.example:1,two.example:2/echopoint",
    ],
)
def test_a_valid_postgresql_url_is_accepted(url):
    assert database_settings(url)["ENGINE"] == "django.db.backends.postgresql"


@pytest.mark.parametrize("text", ["False", "false", "no", "0"])
def test_a_database_option_of_false_is_false(text):
    config = database_settings(
        f"{POSTGRES}?DISABLE_SERVER_SIDE_CURSORS={text}&server_side_binding={text}"
        "&conn_max_age=0&sslmode=require"
    )

    assert config["DISABLE_SERVER_SIDE_CURSORS"] is False
    assert config["CONN_MAX_AGE"] == 0
    assert config["OPTIONS"] == {"server_side_binding": False, "sslmode": "require"}
    assert (config["HOST"], config["PASSWORD"]) == ("db.example", PASSWORD)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///db.sqlite3", "db.sqlite3"),
        ("sqlite:////srv/db.sqlite3", "/srv/db.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
def test_a_sqlite_database_is_a_path(url, name):
    assert database_settings(url)["NAME"] == name
