"""A start without a required setting names it, and how to create it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

COMPLETE = {
    "SECRET_KEY": "k" * 60,
    "API_KEY_PEPPERS": "1:" + "p" * 60,
    "ENCRYPTION_KEYS": "ZS" * 21 + "Y=",
    "DATABASE_URL": "sqlite:///db.sqlite3",
    "ALLOWED_HOSTS": "keys.example",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a copy of the project without a .env."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("echopoint", "apikeys", "templates"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "manage.py", copy)
    return copy


def manage(project, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_complete_environment_starts(project):
    result = manage(project, "check", **COMPLETE)

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("SECRET_KEY", "secrets.token_urlsafe"),
        ("API_KEY_PEPPERS", "secrets.token_urlsafe"),
        ("ENCRYPTION_KEYS", "base64.urlsafe_b64encode"),
        ("DATABASE_URL", "postgres://"),
    ],
)
def test_a_missing_setting_is_named_with_how_to_make_it(project, name, how):
    environment = {k: v for k, v in COMPLETE.items() if k != name}

    result = manage(project, "check", **environment)

    assert result.returncode == 1
    assert f"{name} is not set" in result.stderr
    assert how in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("setting", "needed"),
    [
        ({"OPEN_SIGN_UP": "true"}, "EMAIL_URL"),
        ({"EMAIL_URL": "smtp://m"}, "EMAIL_FROM"),
    ],
)
def test_what_a_setting_needs_is_named(project, setting, needed):
    result = manage(project, "check", **COMPLETE | setting)

    assert result.returncode == 1
    assert needed in result.stderr.splitlines()[-1]


def test_the_deploy_check_finds_nothing(project):
    result = manage(
        project,
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        **COMPLETE | {"SECRET_KEY": "".join(map(chr, range(33, 120)))},
    )

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_a_malformed_encryption_key_stops_the_start(project):
    result = manage(project, "check", **COMPLETE | {"ENCRYPTION_KEYS": "short"})

    assert result.returncode == 1
    assert "environments.E001" in result.stderr


def test_a_weak_pepper_stops_the_start(project):
    result = manage(project, "check", **COMPLETE | {"API_KEY_PEPPERS": "1:short"})

    assert result.returncode == 1
    assert "apikeys.E002" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTPS", "treu", "true or false"),
        ("DEBUG", "maybe", "true or false"),
        ("DEMO", "ture", "true or false"),
        ("OPEN_SIGN_UP", "treu", "true or false"),
        ("DATABASE_URL", "postgres://h/n?atomic_requests=treu", "true or false"),
        ("DATABASE_URL", "postgres://me:1#hunter2secret@h/n", "Write %23"),
        ("DATABASE_URL", "postgres://me:hunter2secret@h", "names no database"),
        ("DATABASE_URL", "postgres://h/n?Pool=treu", "in lower case"),
        ("DATABASE_URL", "postgres://h/n?sslmode=requier", "verify-full"),
        ("API_KEY_PREFIX", "EPK LIVE", "lower-case words joined by underscores"),
        ("EMAIL_URL", "smtp://h?email_use_tls=treu", "true or false"),
        ("EMAIL_URL", "mail.example:587", "not a valid mail server URL"),
        ("REDIS_URL", "localhost:6379", "not a valid Redis URL"),
        ("ALLOWED_HOSTS", "https://keys.example", "without scheme and port"),
        ("PORT", "70000", "Set it to 1 to 65535"),
        ("TRUSTED_PROXIES", "x", "whole number"),
        ("TRUSTED_PROXIES", "-1", "Set it to 0 or more"),
        ("DATABASE_URL", "nonsense", "not a valid database URL"),
        ("RUNNER_LEASE_SECONDS", "0", "Set it to 1 or more"),
        ("RUNNER_POLL_SECONDS", "41", "Set it to 0 to 40"),
    ],
)
def test_a_mistyped_value_stops_the_start(project, name, value, said):
    result = manage(project, "check", **COMPLETE | {name: value})

    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2secret" not in result.stderr


def made(project, folder, text=None):
    """Return the lines of the .env that `make run` would use."""
    shutil.copy(ROOT / "Makefile", folder)
    if text is not None:
        (folder / ".env").write_text(text)
    subprocess.run(["make", "env"], cwd=folder, check=True, capture_output=True)  # noqa: S607
    return (folder / ".env").read_text().splitlines()


def variables(lines):
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_make_run_writes_an_env_that_starts(project, tmp_path):
    lines = made(project, tmp_path)

    result = manage(project, "check", **variables(lines))

    assert result.returncode == 0, result.stderr
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert made(project, tmp_path) == lines


@pytest.mark.parametrize("end", ["", "\n"])
def test_an_env_from_before_gets_an_encryption_key_and_keeps_its_lines(
    project, tmp_path, end
):
    before = [f"{k}={v}" for k, v in COMPLETE.items() if k != "ENCRYPTION_KEYS"]

    lines = made(project, tmp_path, "\n".join(before) + end)

    assert lines[:-1] == before
    assert manage(project, "check", **variables(lines)).returncode == 0


@pytest.fixture
def old_database(project, tmp_path):
    """Return the URL of a demo database whose .env is lost."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    settings = variables(made(project, tmp_path)) | {"DATABASE_URL": url}
    for command in ("migrate", "demo"):
        result = manage(project, command, **settings)
        assert result.returncode == 0, result.stderr
    (tmp_path / ".env").unlink()
    return url


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_secrets_made_again_beside_an_older_database_are_named(
    project, tmp_path, old_database, command
):
    settings = variables(made(project, tmp_path)) | {"DATABASE_URL": old_database}

    result = manage(project, command, **settings)

    assert result.returncode == 1
    assert "(apikeys.E007) The secret of version 1" in result.stderr
    assert "environments.E004" in result.stderr
    assert result.stderr.count("restore the earlier .env") == 2
    assert "Traceback" not in result.stderr


def test_make_run_does_not_serve_an_older_database_with_other_secrets(
    project, tmp_path, old_database
):
    made(project, tmp_path)
    shutil.copy(tmp_path / "Makefile", project)

    result = subprocess.run(
        [*("make", "run", "-o", "setup"), f"BIN={Path(sys.executable).parent}"],  # noqa: S607
        cwd=project,
        env=variables((tmp_path / ".env").read_text().splitlines())
        | {"PATH": os.environ["PATH"], "DATABASE_URL": old_database},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 2
    assert "apikeys.E007" in result.stderr
    assert "Traceback" not in result.stderr
    assert "sign in" not in result.stdout
    assert not (project / "staticfiles").exists()
