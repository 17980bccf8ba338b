"""The command that sends notices: its output, what it needs, and two of it at once."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from echopoint.mail.models import MailMessage
from echopoint.notices.models import ExpiryNotice, NoticeDigest
from tests.paths import ROOT
from tests.temporary_databases import url_of
from tests.tenants import create_user

NOTHING = {"notices": 0, "digests": 0, "keys_in_digests": 0, "failures": 0}


@pytest.fixture
def run(capsys):
    """Return a function that runs the command and returns what it printed."""

    def run(*options):
        call_command("notify_expiring_keys", *options)
        return capsys.readouterr().out

    return run


def test_the_second_run_prints_that_nothing_was_sent(run, issue, alice, mail_server):
    issue(at=timezone.now() - timedelta(days=83), expires_in_days=90)

    assert json.loads(run("--json")) == NOTHING | {
        "notices": 1,
        "digests": 2,
        "keys_in_digests": 2,
    }
    assert json.loads(run("--json")) == NOTHING
    assert MailMessage.objects.count() == 2


def test_people_read_a_sentence(run, db, settings):
    assert run() == "0 new notices, 0 e-mails queued.\n"

    settings.EMAIL_URL = ""

    assert run() == (
        "0 new notices, 0 e-mails queued.\nEMAIL_URL is not set, so no e-mail is sent.\n"
    )


def test_links_need_the_address_of_the_site(run, db, settings):
    settings.SITE_URL = ""

    with pytest.raises(CommandError, match="SITE_URL is not set"):
        run()


@pytest.fixture
def start():
    """Return a function that starts the command as a process of its own."""

    def start():
        name = connection.settings_dict["NAME"]
        environment = os.environ | {
            "DATABASE_URL": url_of(name),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        return subprocess.Popen(
            [sys.executable, "manage.py", "notify_expiring_keys", "--json"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


PEOPLE, KEYS = 20, 60


@pytest.fixture
def everybody(committing, acme, olive, issue, settings):
    """Return the addresses of many admins, who are all told of many keys."""
    settings.EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"
    people = [create_user(f"p{n}@acme.example") for n in range(PEOPLE)]
    for person in people:
        acme.memberships.create(user=person, role="admin")
    for _ in range(KEYS):
        issue(at=timezone.now() - timedelta(days=83), expires_in_days=90)
    members = acme.memberships.select_related("user")
    return sorted(member.user.email for member in members)


def queued():
    """Return the recipients of the queued mail."""
    rows = MailMessage.objects.values_list("recipients", flat=True)
    return sorted(address for recipients in rows for address in recipients)


@pytest.mark.postgresql
def test_two_processes_at_once_tell_everybody_once(everybody, start):
    processes = [start(), start()]
    counts = [json.loads(process.communicate(timeout=300)[0]) for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert sum(found["notices"] for found in counts) == KEYS
    assert sum(found["digests"] for found in counts) == len(everybody)
    assert sum(found["keys_in_digests"] for found in counts) == KEYS * len(everybody)
    assert ExpiryNotice.objects.count() == KEYS
    assert NoticeDigest.objects.count() == len(everybody)
    assert queued() == everybody


@pytest.mark.postgresql
@pytest.mark.parametrize("moment", [ExpiryNotice, NoticeDigest])
def test_a_killed_process_is_continued_by_the_next(everybody, start, moment):
    killed = start()
    while not moment.objects.exists() and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    before = ExpiryNotice.objects.count(), NoticeDigest.objects.count()

    again = start()
    counts = json.loads(again.communicate(timeout=300)[0])

    assert (counts["notices"], counts["digests"]) == (
        KEYS - before[0],
        len(everybody) - before[1],
    )
    assert queued() == everybody
