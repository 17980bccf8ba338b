"""Mistyped settings stop the start, and the message repeats no secret."""

import ast

import pytest
from django.core.exceptions import ImproperlyConfigured

from echopoint.core import environment
from tests.paths import ROOT

PASSWORD = "hunter2secret"


def refusal(read, *arguments, **options):
    with pytest.raises(ImproperlyConfigured) as refused:
        read(*arguments, **options)
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


# One reader for all


def names_in(path):
    """Yield every attribute, name and module that a file mentions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_environment_has_one_reader():
    files = [*(ROOT / "echopoint").rglob("*.py"), *(ROOT / "apikeys").rglob("*.py")]
    reading = {
        str(path.relative_to(ROOT))
        for path in files
        if {"environ", "os.environ", "os.getenv"} & {*names_in(path)}
    }

    # The command reads its own variables, and wsgi only sets one.
    others = {name for name in reading if not name.startswith("echopoint/cli/")}
    assert others == {"echopoint/core/environment.py", "echopoint/wsgi.py"}


def test_the_reader_leaves_no_value_to_the_librarys_casts():
    used = {
        name.removeprefix("env.")
        for name in names_in(ROOT / "echopoint/core/environment.py")
        if name.startswith("env.")
    }

    assert used == {
        "read_env",
        "str",
        "db_url_config",
        "email_url_config",
        "EMAIL_SCHEMES",
    }


# Variables


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("ON", True), ("1", True), ("No", False), ("0", False)],
)
def test_a_flag_is_true_or_false(monkeypatch, text, value):
    monkeypatch.setenv("FLAG", text)

    assert environment.flag("FLAG", not value) is value


@pytest.mark.parametrize("default", [True, False])
def test_an_empty_flag_is_its_default(monkeypatch, default):
    monkeypatch.setenv("FLAG", "")

    assert environment.flag("FLAG", default) is default


@pytest.mark.parametrize("text", ["treu", "ture", "2", "-", "true # comment", "None"])
def test_any_other_flag_is_refused(monkeypatch, text):
    monkeypatch.setenv("FLAG", text)

    assert "FLAG is" in refusal(environment.flag, "FLAG", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-1", "0 or more"),
        ("1.5", "whole number"),
        ("1e3", "whole number"),
        ("٣", "whole number"),
        ("9" * 5000, "whole number"),
    ],
)
def test_a_number_that_is_none_or_too_small_is_refused(monkeypatch, text, said):
    monkeypatch.setenv("NUMBER", text)

    assert said in refusal(environment.number, "NUMBER", 1)


def test_a_number_within_its_limits_is_taken(monkeypatch):
    monkeypatch.setenv("NUMBER", "40")

    assert environment.number("NUMBER", 1, most=40) == 40
    assert "1 to 39" in refusal(environment.number, "NUMBER", 1, least=1, most=39)


def test_ids_of_keys_are_read_and_nothing_else_is_repeated(monkeypatch):
    monkeypatch.setenv("BLOCKED", " key_AbCdEfGhIjKl, key_0,")
    assert environment.key_ids("BLOCKED") == {"key_AbCdEfGhIjKl", "key_0"}

    monkeypatch.setenv("BLOCKED", "epk_live_AbCdEfGhIjKl_0123456789")
    said = refusal(environment.key_ids, "BLOCKED")
    assert said.startswith("BLOCKED has what is no id of a key")
    assert "0123456789" not in said


def test_hosts_are_names_without_the_spaces_around(monkeypatch):
    monkeypatch.setenv("HOSTS", "keys.example, .keys.example,127.0.0.1,[::1],*,")

    assert environment.hosts("HOSTS") == [
        "keys.example",
        ".keys.example",
        "127.0.0.1",
        "[::1]",
        "*",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "https://keys.example",
        "keys.example:8000",
        "keys.example/",
        "a.example b.example",
        "a.example;b.example",
        '["a.example"]',
        "*.example",
    ],
)
def test_what_is_no_host_is_refused(monkeypatch, text):
    monkeypatch.setenv("HOSTS", f"ok.example,{text}")

    assert "HOSTS has" in refusal(environment.hosts, "HOSTS")


def test_a_variable_can_stand_for_another(monkeypatch):
    monkeypatch.setenv("OTHER", "value")
    monkeypatch.setenv("NAME", "$OTHER")
    assert environment.text("NAME") == "value"

    monkeypatch.setenv("NAME", f"${PASSWORD}")
    assert "NAME begins with $" in refusal(environment.text, "NAME")


# .env


@pytest.mark.parametrize(
    "line",
    [f"SECRET_KEY = {PASSWORD}", f" SECRET_KEY={PASSWORD}", f"SECRET_KEY: {PASSWORD}"],
)
def test_a_line_that_sets_nothing_is_refused_by_its_number(tmp_path, line):
    file = tmp_path / ".env"
    file.write_text(f"# comment\n\n{line}\n")

    assert "Line 3 of .env" in refusal(environment.read_file, file)


def test_lines_that_set_something_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TAKEN", "before")
    monkeypatch.delenv("NEW", raising=False)
    file = tmp_path / ".env"
    file.write_text("# comment\n\nexport NEW='a b'\nTAKEN=after\nEMPTY=\n")

    environment.read_file(file)

    assert environment.text("NEW") == "a b"
    assert environment.text("TAKEN") == "before"
    assert environment.text("EMPTY", "default") == "default"


def test_no_file_is_no_error(tmp_path):
    environment.read_file(tmp_path / ".env")


# URLs

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
def test_a_mistyped_database_is_refused(url):
    assert "DATABASE_URL" in refusal(environment.database, url)


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
        (f"{POSTGRES}?sslmod=require", "neither Django nor PostgreSQL"),
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
def test_a_mistyped_database_is_refused_with_what_to_do(url, said):
    refused = refusal(environment.database, url)

    assert "DATABASE_URL" in refused
    assert said in refused


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
def test_a_database_that_postgresql_can_open_is_taken(url):
    assert environment.database(url)["ENGINE"] == "django.db.backends.postgresql"


@pytest.mark.parametrize("text", ["epk_live", "epk", "a", "a_b_c", "x" * 32])
def test_words_joined_by_underscores_are_a_prefix(monkeypatch, text):
    monkeypatch.setenv("PREFIX", text)

    assert environment.prefix("PREFIX", "epk_live") == text


@pytest.mark.parametrize(
    "text",
    [
        *("EPK LIVE", "epk live", " epk", "epk\n", "_", "epk_", "_epk", "epk__live"),
        *("EPK", "epk-live", "epk1", "epk.", "x" * 33, PASSWORD),
    ],
)
def test_anything_else_is_no_prefix(monkeypatch, text):
    monkeypatch.setenv("PREFIX", text)

    assert "API_KEY_PREFIX is nothing" in refusal(environment.prefix, "PREFIX", "")


@pytest.mark.parametrize("text", ["False", "false", "no", "0"])
def test_an_option_of_the_database_that_says_false_is_false(text):
    config = environment.database(
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
    assert environment.database(url)["NAME"] == name


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "mail.example:587",
        f"me:{PASSWORD}@mail.example:587",
        "smtp://",
        "smtp:mail.example",
        f"smtp+tsl://me:{PASSWORD}@mail.example",
        f"smtp://me:{PASSWORD}@mail.example:58x",
        f"smtp://mail.example?{PASSWORD}=1",
        "smtp://mail.example?email_use_tls=treu",
        "smtp://mail.example?timeout=5",
        "smtp+tls://mail.example?email_use_ssl=true",
    ],
)
def test_a_mistyped_mail_server_is_refused(url):
    assert "EMAIL_URL" in refusal(environment.mail, url)


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("smtp+tls://mail.example:587", True),
        ("smtp://mail.example?email_use_tls=true", True),
        ("smtp://mail.example?email_use_tls=false", False),
    ],
)
def test_mail_is_encrypted_as_the_url_says(url, tls):
    assert environment.mail(url)["EMAIL_USE_TLS"] is tls


@pytest.mark.parametrize(
    "value", ["keys@example.com", "Echopoint <keys@example.com>", '"E" <k@e.example>']
)
def test_a_sender_has_an_address(value):
    environment.require_sender(value)


@pytest.mark.parametrize(
    "value", ["Echopoint", "keys@", "Echopoint keys@example.com", "Echopoint <keys>"]
)
def test_a_sender_without_an_address_is_refused(value):
    assert "EMAIL_FROM" in refusal(environment.require_sender, value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        f"http://me:{PASSWORD}@localhost",
        f"redis://:{PASSWORD}@localhost:63x",
        "redis://localhost/zero",
        "redis://localhost/0?socket_keepalive=treu",
        "rediss://localhost/0?ssl_check_hostname=flase",
    ],
)
def test_a_mistyped_redis_is_refused(url):
    assert "REDIS_URL" in refusal(environment.require_redis, url)


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:6379/0", "rediss://:pw@r.example", "unix:///run/redis.socket"],
)
def test_the_url_of_a_redis_is_taken(url):
    environment.require_redis(url)
