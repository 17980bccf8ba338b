"""A database of the first release migrates, verifies, and its keys work.

The dumps in `releases/first` were written by that release's own code, and are never
written again.
"""

import json
import os
import sqlite3
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from tests.paths import ROOT

pytestmark = pytest.mark.slow

# By vendor: the organization id, and the secret of its key without an expiry.
KEPT = {
    "sqlite": (
        "org_DASyT7UDgULXohm9",
        "epk_live_EAJIIndIts2y_RMLUJXYCHDgmexidRK8hAVcjMv5codZRiLEXcqHa2RM3diqya",
    ),
    "postgresql": (
        "org_34SanBsBk1d2w9Ta",
        "epk_live_HCyVHptWSoIt_z0vmxTnlnYyiJCpRdw82XrFYHDpLw3ve8kXA1EEnykO2PKkfc",
    ),
}
# In a separate process, as for an operator.
UPGRADE = """
import json, sys
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", interactive=False, verbosity=0)
organization, secret = json.load(sys.stdin)
headers = {"X-Organization-Id": organization}
flows = Client().get("/flows", headers=headers | {"X-Api-Key": secret})
other = Client().get("/flows", headers=headers | {"X-Api-Key": secret[:-1] + "0"})
print(json.dumps([flows.status_code, len(flows.json()["items"]), other.status_code]))
call_command("verify_audit", "--json")
"""


@pytest.fixture
def upgraded(fresh_database):
    """Upgrade the database of the first release; return the JSON output."""
    url = fresh_database()
    load(url, (ROOT / f"tests/releases/first/{connection.vendor}.sql").read_text())
    process = subprocess.run(
        [sys.executable, "-c", UPGRADE],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        input=json.dumps(KEPT[connection.vendor]),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    answers, _, report = process.stdout.partition("\n")
    return json.loads(answers), json.loads(report)


def load(url, dump):
    if connection.vendor == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
            database.executescript(dump)
        return database.close()
    with psycopg.connect(url) as database:
        database.execute(dump)


def test_a_database_of_the_first_release_migrates_verifies_and_its_keys_work(upgraded):
    answers, report = upgraded

    assert answers == [200, 4, 401]
    assert report["intact"] is True
    assert [chain["events"] for chain in report["organizations"]] == [16]
