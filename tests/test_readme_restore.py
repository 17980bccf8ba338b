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
from cryptography.fernet import Fernet
from django.db import connection

from tests.paths import ROOT

KIND = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
TRIES = """
import json, sys, django
django.setup()
from echopoint.core.refusals import Refused
from apikeys.models import ApiKey
def code(text):
    try:
        ApiKey.objects.authenticate(text, organization_id=sys.argv[1], ip=None)
    except Refused as refusal:
        return refusal.code
    return "works"
print(json.dumps({name: code(text) for name, text in json.load(sys.stdin).items()}))
"""


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
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "API_KEY_PEPPERS": f"1:{secrets.token_urlsafe(48)}",
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": url,
            "ALLOWED_HOSTS": "keys.example",
            "DJANGO_SETTINGS_MODULE": "echopoint.settings",
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

    def answer(self, command):
        return json.loads(self.run(f"python manage.py {command} --json"))

    def tried(self, organization, **texts):
        """Return "works" or the error code for each key."""
        command = ["python", "-c", TRIES, organization]
        return json.loads(self.run(shlex.join(command), given=json.dumps(texts)))


@pytest.fixture
def site(tmp_path, fresh_database):
    url = "sqlite:///db.sqlite3" if connection.vendor == "sqlite" else fresh_database()
    site = Installation(tmp_path, url)
    site.run("python manage.py migrate --verbosity 0")
    return site


@pytest.fixture
def organization(site):
    command = "create_organization --name Acme --owner alice@acme.example"
    return site.answer(command)["id"]


@pytest.fixture
def issued(site, organization):
    """Return a function that issues a key and returns (id, secret)."""

    def issued(name):
        key = site.answer(
            f"issue_api_key --organization {organization} --name {name} --preset ci"
        )
        return key["id"], key["secret"]

    return issued


def test_what_a_restored_backup_revives_is_revoked_by_the_commands_of_the_readme(
    site, organization, issued, fresh_database
):
    untouched, revoked = issued("untouched"), issued("revoked")
    site.run(commands(f"back up {KIND}"))
    since = datetime.now(UTC).isoformat()
    site.run(f"python manage.py revoke_api_key {revoked[0]} --reason leaked")
    later = issued("later")
    site.run(commands("back up the audit"), ORG=organization)
    keys = {"untouched": untouched[1], "revoked": revoked[1], "later": later[1]}
    assert site.tried(organization, **keys) == {
        "untouched": "works",
        "revoked": "API_KEY_REVOKED",
        "later": "works",
    }

    if KIND == "PostgreSQL":
        site.environment["DATABASE_URL"] = fresh_database()
    site.run(commands(f"restore {KIND}"))
    assert site.tried(organization, **keys) == {
        "untouched": "works",
        "revoked": "works",
        "later": "INVALID_API_KEY",
    }
    site.run(commands("after a restore"), TIME=since)

    assert site.tried(organization, **keys) == {
        "untouched": "works",
        "revoked": "API_KEY_REVOKED",
        "later": "INVALID_API_KEY",
    }


def test_a_head_that_was_kept_shows_that_a_backup_is_older(
    site, organization, issued, fresh_database
):
    site.run(commands(f"back up {KIND}"))
    issued("later")
    site.run(commands("back up the audit"), ORG=organization)
    last = (site.folder / "audit.ndjson").read_text().splitlines()[-1]
    verify = (
        f"python manage.py verify_audit --organization {organization} --expect-head"
    )
    site.run(f"{verify} {json.loads(last)['hash']}")

    if KIND == "PostgreSQL":
        site.environment["DATABASE_URL"] = fresh_database()
    site.run(commands(f"restore {KIND}"))

    done = site.shell(f"{verify} {json.loads(last)['hash']}")
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


def test_the_export_is_for_its_owner_alone_and_replaces_no_file(site, organization):
    export = f"python manage.py export_audit audit.ndjson --organization {organization}"
    said = site.answer(f"export_audit audit.ndjson --organization {organization}")

    path = site.folder / "audit.ndjson"
    lines = path.read_text().splitlines()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said["events"] == len(lines)
    again = site.shell(export)
    assert again.returncode == 1
    assert "The file cannot be created: File exists." in again.stderr
    assert path.read_text().splitlines() == lines
