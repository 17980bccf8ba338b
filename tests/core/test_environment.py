"""Mistyped variables stop the start, and messages contain no secret."""

import ast

import pytest

from echopoint.core import environment
from tests.core.startup_errors import PASSWORD, error_of
from tests.paths import ROOT


def names_in(path):
    """Yield every attribute, name and module that a file mentions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_one_module_reads_the_environment():
    files = [*(ROOT / "echopoint").rglob("*.py"), *(ROOT / "apikeys").rglob("*.py")]
    reading = {
        str(path.relative_to(ROOT))
        for path in files
        if {"environ", "os.environ", "os.getenv"} & {*names_in(path)}
    }

    # The CLI reads its own variables, and wsgi only sets one.
    others = {name for name in reading if not name.startswith("echopoint/cli/")}
    assert others == {"echopoint/core/environment.py", "echopoint/wsgi.py"}


def test_no_value_is_cast_by_the_library():
    used = {
        name.removeprefix("env.")
        for module in ("environment", "database_url", "service_urls")
        for name in names_in(ROOT / f"echopoint/core/{module}.py")
        if name.startswith("env.")
    }

    assert used == {
        "read_env",
        "str",
        "db_url_config",
        "email_url_config",
        "EMAIL_SCHEMES",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("ON", True), ("1", True), ("No", False), ("0", False)],
)
def test_a_flag_is_true_or_false(monkeypatch, text, value):
    monkeypatch.setenv("FLAG", text)

    assert environment.boolean("FLAG", not value) is value


@pytest.mark.parametrize("default", [True, False])
def test_an_empty_flag_is_its_default(monkeypatch, default):
    monkeypatch.setenv("FLAG", "")

    assert environment.boolean("FLAG", default) is default


@pytest.mark.parametrize("text", ["treu", "ture", "2", "-", "true # comment", "None"])
def test_any_other_boolean_is_refused(monkeypatch, text):
    monkeypatch.setenv("FLAG", text)

    assert "FLAG is" in error_of(environment.boolean, "FLAG", False)


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
def test_an_invalid_or_too_small_number_is_refused(monkeypatch, text, said):
    monkeypatch.setenv("NUMBER", text)

    assert said in error_of(environment.integer, "NUMBER", 1)


def test_a_number_within_its_limits_is_accepted(monkeypatch):
    monkeypatch.setenv("NUMBER", "40")

    assert environment.integer("NUMBER", 1, most=40) == 40
    assert "1 to 39" in error_of(environment.integer, "NUMBER", 1, least=1, most=39)


def test_key_ids_are_read_and_other_values_are_not_quoted(monkeypatch):
    monkeypatch.setenv("BLOCKED", " key_AbCdEfGhIjKl, key_0,")
    assert environment.key_ids("BLOCKED") == {"key_AbCdEfGhIjKl", "key_0"}

    monkeypatch.setenv("BLOCKED", "epk_live_AbCdEfGhIjKl_0123456789")
    said = error_of(environment.key_ids, "BLOCKED")
    assert said.startswith("BLOCKED has a value that is not a key id")
    assert "0123456789" not in said


def test_spaces_around_host_names_are_removed(monkeypatch):
    monkeypatch.setenv("HOSTS", "keys.example, .keys.example,127.0.0.1,[::1],*,")

    assert environment.host_names("HOSTS") == [
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
def test_an_invalid_host_name_is_refused(monkeypatch, text):
    monkeypatch.setenv("HOSTS", f"ok.example,{text}")

    assert "HOSTS has" in error_of(environment.host_names, "HOSTS")


def test_a_variable_can_refer_to_another(monkeypatch):
    monkeypatch.setenv("OTHER", "value")
    monkeypatch.setenv("NAME", "$OTHER")
    assert environment.string("NAME") == "value"

    monkeypatch.setenv("NAME", f"${PASSWORD}")
    assert "NAME begins with $" in error_of(environment.string, "NAME")


@pytest.mark.parametrize("text", ["epk_live", "epk", "a", "a_b_c", "x" * 32])
def test_words_joined_by_underscores_are_a_valid_prefix(monkeypatch, text):
    monkeypatch.setenv("PREFIX", text)

    assert environment.key_prefix("PREFIX", "epk_live") == text


@pytest.mark.parametrize(
    "text",
    [
        *("EPK LIVE", "epk live", " epk", "epk\n", "_", "epk_", "_epk", "epk__live"),
        *("EPK", "epk-live", "epk1", "epk.", "x" * 33, PASSWORD),
    ],
)
def test_any_other_prefix_is_refused(monkeypatch, text):
    monkeypatch.setenv("PREFIX", text)

    assert "API_KEY_PREFIX is not valid" in error_of(
        environment.key_prefix, "PREFIX", ""
    )


@pytest.mark.parametrize(
    "line",
    [f"SECRET_KEY = {PASSWORD}", f" SECRET_KEY={PASSWORD}", f"SECRET_KEY: {PASSWORD}"],
)
def test_an_invalid_line_is_named_by_its_number(tmp_path, line):
    file = tmp_path / ".env"
    file.write_text(f"# comment\n\n{line}\n")

    assert "Line 3 of .env" in error_of(environment.read_file, file)


def test_valid_lines_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TAKEN", "before")
    monkeypatch.delenv("NEW", raising=False)
    file = tmp_path / ".env"
    file.write_text("# comment\n\nexport NEW='a b'\nTAKEN=after\nEMPTY=\n")

    environment.read_file(file)

    assert environment.string("NEW") == "a b"
    assert environment.string("TAKEN") == "before"
    assert environment.string("EMPTY", "default") == "default"


def test_a_missing_file_is_allowed(tmp_path):
    environment.read_file(tmp_path / ".env")
