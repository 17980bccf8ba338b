"""The README's commands for backup and restore work as written."""

import json
import os
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection

from apikeys.models import ApiKey
from echopoint.core.refusals import Refused
from tests.paths import ROOT
from tests.prepared_sites import secrets_of_tests

pytestmark = pytest.mark.slow

KIND = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]


def commands(what):
    """Return the README's commands between a comment and the next one."""
    readme = (ROOT / "README.md").read_text()
    found = re.search(rf"^# {what}[^\n]*\n(.*?)^(?=#|```)", readme, re.S | re.M)
    return found[1]


class Installation:
    """A copy of the project with its own database and secrets."""

    def __init__(self, folder, url):
        for name in ("echopoint", "apikeys", "templates"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "manage.py", folder)
        self.folder = folder
        self.environment = secrets_of_tests() | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": url,
            "ALLOWED_HOSTS": "keys.example",
        }

    def shell(self, script, *, given="", **more):
        """Run commands; stop at the first failure."""
        return subprocess.run(
            ["/bin/bash", "-ec", script],
            cwd=self.folder,
            env=self.environment | more,
            input=given,
            capture_output=True,
            text=True,
        )

    def run(self, script, **more):
        """Run commands that must succeed; return their output."""
        done = self.shell(script, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def url(self):
        """Return the URL of the database for processes in any folder."""
        return self.environment["DATABASE_URL"].replace("///", f"///{self.folder}/")


@pytest.fixture
def site(tmp_path, migrated_database):
    url = migrated_database()
    if connection.vendor == "sqlite":
        Path(url.removeprefix("sqlite:///")).rename(tmp_path / "db.sqlite3")
        url = "sqlite:///db.sqlite3"
    return Installation(tmp_path, url)


@pytest.fixture
def command(site, manage_in_process):
    """Return a function that runs a command beside the README's: its JSON."""

    def command(*arguments):
        return manage_in_process(site.url, *arguments)

    return command


@pytest.fixture
def organization(command):
    command_line = "create_organization --name Acme --owner alice@acme.example"
    return command(*command_line.split())["id"]


@pytest.fixture
def issued(command, organization):
    """Return a function that issues a key and returns (id, secret)."""

    def issued(name):
        options = f"--organization {organization} --name {name} --preset ci"
        key = command("issue_api_key", *options.split())
        return key["id"], key["secret"]

    return issued


@pytest.fixture
def tried(site, organization, default_database):
    """Return a function that returns "works" or the error code for each key."""

    def code(text):
        try:
            ApiKey.objects.authenticate(text, organization_id=organization, ip=None)
        except Refused as refusal:
            return refusal.code
        return "works"

    def tried(**texts):
        with default_database(site.url):
            return {name: code(text) for name, text in texts.items()}

    return tried


def test_what_a_restored_backup_revives_is_revoked_by_the_commands_of_the_readme(
    site, organization, command, issued, tried, fresh_database
):
    untouched, revoked = issued("untouched"), issued("revoked")
    site.run(commands(f"back up {KIND}"))
    since = datetime.now(UTC).isoformat()
    command("revoke_api_key", revoked[0], "--reason", "leaked")
    later = issued("later")
    site.run(commands("back up the audit"), ORG=organization)
    keys = {"untouched": untouched[1], "revoked": revoked[1], "later": later[1]}
    assert tried(**keys) == {
        "untouched": "works",
        "revoked": "API_KEY_REVOKED",
        "later": "works",
    }

    if KIND == "PostgreSQL":
        site.environment["DATABASE_URL"] = fresh_database()
    site.run(commands(f"restore {KIND}"))
    assert tried(**keys) == {
        "untouched": "works",
        "revoked": "works",
        "later": "INVALID_API_KEY",
    }
    site.run(commands("after a restore"), TIME=since)

    assert tried(**keys) == {
        "untouched": "works",
        "revoked": "API_KEY_REVOKED",
        "later": "INVALID_API_KEY",
    }


def test_a_head_that_was_kept_shows_that_a_backup_is_older(
    site, organization, command, issued, fresh_database
):
    site.run(commands(f"back up {KIND}"))
    issued("later")
    site.run(commands("back up the audit"), ORG=organization)
    last = (site.folder / "audit.ndjson").read_text().splitlines()[-1]
    verify = ["verify_audit", "--organization", organization]
    verify += ["--expect-head", json.loads(last)["hash"]]
    command(*verify)

    if KIND == "PostgreSQL":
        site.environment["DATABASE_URL"] = fresh_database()
    site.run(commands(f"restore {KIND}"))

    done = site.shell(shlex.join(["python", "manage.py", *verify]))
    assert done.returncode == 1
    assert "The expected head was not found" in done.stdout


def test_a_restored_database_refuses_peppers_that_are_not_its_own(
    site, issued, fresh_database
):
    site.run(commands(f"back up {KIND}"))
    if KIND == "PostgreSQL":
        site.environment["DATABASE_URL"] = fresh_database()
    site.run(commands(f"restore {KIND}"))

    other = f"1:{secrets.token_urlsafe(48)}"
    migrated = site.shell("python manage.py migrate", API_KEY_PEPPERS=other)

    assert migrated.returncode != 0
    assert "API_KEY_PEPPERS" in migrated.stderr


def test_the_export_is_for_its_owner_alone_and_replaces_no_file(
    tmp_path, organization, command
):
    path = tmp_path / "audit.ndjson"
    export = ("export_audit", str(path), "--organization", organization)
    said = command(*export)

    lines = path.read_text().splitlines()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said["events"] == len(lines)
    with pytest.raises(
        CommandError, match=r"The file cannot be created: File exists\."
    ):
        command(*export)
    assert path.read_text().splitlines() == lines
