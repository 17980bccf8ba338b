"""A start without a required setting names it, and how to create it."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.paths import ROOT

COMPLETE = {
    "SECRET_KEY": "k" * 60,
    "API_KEY_PEPPERS": "1:" + "p" * 60,
    "ENCRYPTION_KEYS": "ZS" * 21 + "Y=",
    "DATABASE_URL": "sqlite:///db.sqlite3",
    "ALLOWED_HOSTS": "keys.example",
}
PRIMARY = {"DATABASE_URL": "postgres://me:hunter2secret@one.example/keys"}
REPLICA = {"DATABASE_REPLICA_URL": "postgres://me:hunter2secret@two.example/keys"}


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


@pytest.fixture
def refusal(project, monkeypatch):
    """Return a function that reads the settings with these variables: the error."""
    settings = str(project / "echopoint/settings.py")

    def refusal(variables):
        for name in {*os.environ} - {"PATH"}:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        # manage.py turns this exception, and no other, into a message.
        with pytest.raises(ImproperlyConfigured) as error:
            runpy.run_path(settings)
        return str(error.value)

    return refusal


def test_an_incomplete_environment_stops_the_start(project):
    result = manage(project, "check")

    assert result.returncode == 1
    assert result.stderr.startswith("Not configured: SECRET_KEY is not set. ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("SECRET_KEY", "secrets.token_urlsafe"),
        ("API_KEY_PEPPERS", "secrets.token_urlsafe"),
        ("ENCRYPTION_KEYS", "base64.urlsafe_b64encode"),
        ("DATABASE_URL", "postgres://"),
    ],
)
def test_a_missing_setting_is_named_with_how_to_make_it(refusal, name, how):
    said = refusal({k: v for k, v in COMPLETE.items() if k != name})

    assert f"{name} is not set" in said
    assert how in said


@pytest.mark.parametrize(
    ("setting", "needed"),
    [
        ({"OPEN_SIGN_UP": "true"}, "EMAIL_URL"),
        ({"EMAIL_URL": "smtp://m"}, "EMAIL_FROM"),
        (REPLICA, "DATABASE_REPLICA_URL needs PostgreSQL"),
        (REPLICA | PRIMARY, "needs REDIS_URL"),
        (PRIMARY | {"DATABASE_REPLICA_URL": "sqlite:///r"}, "needs PostgreSQL"),
    ],
)
def test_what_a_setting_needs_is_named(refusal, setting, needed):
    assert needed in refusal(COMPLETE | setting)


def test_a_replica_is_a_database_of_its_own(project, monkeypatch):
    redis = {"REDIS_URL": "redis://127.0.0.1:6379/0"}
    for name, value in (COMPLETE | PRIMARY | REPLICA | redis).items():
        monkeypatch.setenv(name, value)

    read = runpy.run_path(str(project / "echopoint/settings.py"))

    default, replica = read["DATABASES"]["default"], read["DATABASES"]["replica"]
    assert (default["HOST"], replica["HOST"]) == ("one.example", "two.example")
    assert replica["OPTIONS"] == default["OPTIONS"]
    assert replica["TEST"] == {"MIRROR": "default"}


@pytest.mark.slow
def test_a_complete_environment_starts_and_the_deploy_check_finds_nothing(project):
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


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("ENCRYPTION_KEYS", "short", "environments.E001"),
        ("API_KEY_PEPPERS", "1:short", "apikeys.E002"),
    ],
)
def test_a_malformed_secret_stops_the_start(settings, name, value, error):
    setattr(settings, name, value)

    # Every command runs the checks first.
    with pytest.raises(SystemCheckError, match=error):
        call_command("check")


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
        ("SITE_URL", "keys.example", "SITE_URL is not a valid URL"),
        ("SITE_URL", "https://me:pw@keys.example", "SITE_URL is not a valid URL"),
        ("SITE_URL", "https://keys.example/?a=1", "SITE_URL is not a valid URL"),
        ("SITE_URL", "ftp://keys.example", "SITE_URL is not a valid URL"),
        ("SITE_URL", "https://keys.example:99999", "SITE_URL is not a valid URL"),
        ("REDIS_URL", "localhost:6379", "not a valid Redis URL"),
        ("DATABASE_REPLICA_URL", "postgres://h/n?sslmode=requier", "verify-full"),
        ("DATABASE_REPLICA_URL", "nonsense", "DATABASE_REPLICA_URL is not a valid"),
        ("DATABASE_REPLICA_SECONDS", "0", "Set it to 1 to 600"),
        ("ALLOWED_HOSTS", "https://keys.example", "without scheme and port"),
        ("PORT", "70000", "Set it to 1 to 65535"),
        ("TRUSTED_PROXIES", "x", "whole number"),
        ("TRUSTED_PROXIES", "-1", "Set it to 0 or more"),
        ("DATABASE_URL", "nonsense", "not a valid database URL"),
        ("RUNNER_LEASE_SECONDS", "0", "Set it to 1 or more"),
        ("RUNNER_POLL_SECONDS", "41", "Set it to 0 to 40"),
    ],
)
def test_a_mistyped_value_stops_the_start(refusal, name, value, said):
    message = refusal(COMPLETE | {name: value})

    assert said in message
    assert "hunter2secret" not in message


def made(project, folder, text=None):
    """Return the lines of the .env that `make run` would use."""
    shutil.copy(ROOT / "Makefile", folder)
    if text is not None:
        (folder / ".env").write_text(text)
    subprocess.run(["make", "env"], cwd=folder, check=True, capture_output=True)  # noqa: S607
    return (folder / ".env").read_text().splitlines()


def variables(lines):
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.slow
def test_make_run_writes_an_env_that_starts(project, tmp_path):
    lines = made(project, tmp_path)

    result = manage(project, "check", **variables(lines))

    assert result.returncode == 0, result.stderr
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert made(project, tmp_path) == lines


@pytest.mark.parametrize("end", ["", "\n"])
def test_an_env_from_before_gets_an_encryption_key_and_keeps_its_lines(
    project, tmp_path, settings, end
):
    before = [f"{k}={v}" for k, v in COMPLETE.items() if k != "ENCRYPTION_KEYS"]

    lines = made(project, tmp_path, "\n".join(before) + end)

    assert lines[:-1] == before
    for name in ("SECRET_KEY", "API_KEY_PEPPERS", "ENCRYPTION_KEYS"):
        setattr(settings, name, variables(lines)[name])
    call_command("check")


@pytest.fixture
def old_database(tmp_path, migrated_database, manage_in_process):
    """Return the URL of a demo database whose .env is lost."""
    url = migrated_database()
    manage_in_process(url, "demo", remember=tmp_path / "demo.json")
    return url


@pytest.mark.parametrize("command", ["migrate", "demo"])
@pytest.mark.slow
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


@pytest.mark.slow
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
