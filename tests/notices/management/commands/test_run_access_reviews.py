"""The command that runs access reviews: its output, and what it needs."""

import json

import pytest
from django.core.management import CommandError, call_command

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import AccessReview, AuditEvent

SYSTEM = Actor.command("test")
NOTHING = {"opened": 0, "closed": 0, "suspended_keys": 0, "failures": 0, "emails": 0}


@pytest.fixture
def run(capsys):
    """Return a function that runs the command and returns what it printed."""

    def run(*options):
        call_command("run_access_reviews", *options)
        return capsys.readouterr().out

    return run


def test_the_second_run_does_nothing(run, issue, acme, alice, olive):
    issue()
    policy.change(acme, by=SYSTEM, review_every_days=90)

    assert json.loads(run("--json")) == NOTHING | {"opened": 1, "emails": 2}
    assert json.loads(run("--json")) == NOTHING

    opened = AuditEvent.objects.get(action="access_review.opened")
    assert opened.actor_label == "command run_access_reviews"


def test_a_review_whose_period_ended_is_closed(run, issue, acme):
    key, _ = issue()
    policy.change(acme, by=SYSTEM, unconfirmed_action="suspend")
    review = AccessReview.objects.open(acme, by=SYSTEM)
    AccessReview.objects.update(ends_at=review.opened_at)

    assert json.loads(run("--json")) == NOTHING | {"closed": 1, "suspended_keys": 1}

    key.refresh_from_db()
    assert key.suspended_at


def test_people_read_a_sentence(run, db, settings):
    said = "0 reviews opened, 0 closed, 0 keys suspended, 0 e-mails queued.\n"
    assert run() == said

    settings.EMAIL_URL = ""

    assert run() == f"{said}EMAIL_URL is not set, so no e-mail is sent.\n"


def test_without_the_address_of_the_site_only_the_emails_wait(
    run, issue, acme, alice, olive, settings, capsys
):
    issue()
    policy.change(acme, by=SYSTEM, review_every_days=90)
    site, settings.SITE_URL = settings.SITE_URL, ""

    with pytest.raises(CommandError, match="SITE_URL is not set"):
        run("--json")

    assert json.loads(capsys.readouterr().out) == NOTHING | {"opened": 1}
    settings.SITE_URL = site
    assert json.loads(run("--json")) == NOTHING | {"emails": 2}


def test_without_emails_the_address_of_the_site_is_not_needed(
    run, issue, acme, settings
):
    issue()
    policy.change(acme, by=SYSTEM, review_every_days=90)
    settings.SITE_URL = settings.EMAIL_URL = ""

    assert json.loads(run("--json")) == NOTHING | {"opened": 1}


def test_a_failure_of_one_organization_does_not_stop_the_others(
    run, issue, acme, globex, monkeypatch, capsys
):
    issue()
    issue(organization=globex)
    for organization in (acme, globex):
        policy.change(organization, by=SYSTEM, review_every_days=90)
    manager = type(AccessReview.objects)
    open_review = manager.open

    def fail(self, organization, **options):
        if organization == acme:
            raise RuntimeError("broken")
        return open_review(self, organization, **options)

    monkeypatch.setattr(manager, "open", fail)

    with pytest.raises(SystemExit):
        run("--json")

    counts = json.loads(capsys.readouterr().out)
    assert (counts["opened"], counts["failures"]) == (1, 1)
    assert AccessReview.objects.get().organization == globex
