"""E-mails about reviews: to whom, when, and each once."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import AccessReview
from apikeys.models.reviewed_key import fingerprint
from echopoint.notices import review_mail
from echopoint.notices.models import NoticeChoice

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _mail(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def review(issue, acme, alice, bob, olive):
    issue(name="nightly")
    return AccessReview.objects.open(acme, by=SYSTEM)


def recipients(at):
    """Queue what is due; return the recipients."""
    before = len(mail.outbox)
    count, failures = review_mail.send_due(at)
    assert not failures
    found = [address for one in mail.outbox[before:] for address in one.to]
    assert count == len(found)
    return sorted(found)


def test_owners_and_admins_get_a_mail_when_a_review_opens_and_before_it_ends(review):
    managers = ["alice@acme.example", "olive@acme.example"]
    days = [recipients(review.opened_at + n * DAY) for n in range(16)]

    assert days[0] == managers
    assert days[11] == managers
    assert not any(days[1:11] + days[12:])
    opened, _, ending, _ = mail.outbox
    assert opened.subject == "Echopoint: review the API keys of Acme"
    assert "ends soon" in ending.subject
    assert "1 key is not confirmed yet in access review 1 of Acme" in opened.body
    assert review.get_absolute_url() in opened.body
    assert "List-Unsubscribe" in opened.extra_headers


@pytest.mark.parametrize("action", ["report", "suspend"])
def test_the_mail_says_what_happens_to_unconfirmed_keys(acme, issue, olive, action):
    issue()
    policy.change(acme, by=SYSTEM, unconfirmed_action=action)
    AccessReview.objects.open(acme, by=SYSTEM)

    recipients(timezone.now())

    assert ("are suspended" in mail.outbox[0].body) == (action == "suspend")


def test_a_short_review_has_one_mail(acme, issue, olive):
    issue()
    policy.change(acme, by=SYSTEM, review_period_days=2)
    review = AccessReview.objects.open(acme, by=SYSTEM)

    days = [recipients(review.opened_at + n * DAY / 2) for n in range(5)]

    assert [len(found) for found in days] == [2, 0, 0, 0, 0]


def test_no_mail_once_every_key_is_confirmed_or_ended(review, acme, issue):
    key = review.rows().get().key
    review.confirm({key.public_id: fingerprint(key)}, by=SYSTEM)

    assert recipients(review.opened_at) == []


def test_the_mail_does_not_count_rotated_keys(review):
    key = review.rows().get().key
    key.rotate(by=SYSTEM)

    assert recipients(timezone.now()) == []


def test_no_mail_about_a_closed_review(review):
    review.sign_off(by=SYSTEM)

    assert recipients(review.opened_at) == []


def test_a_person_who_turned_e_mails_off_gets_none(review, acme, alice):
    membership = acme.memberships.get(user=alice)
    NoticeChoice.objects.choose(membership, "none", by=SYSTEM)

    assert recipients(review.opened_at) == ["olive@acme.example"]


def test_without_mail_the_announcement_waits(review, settings):
    settings.EMAIL_URL = ""
    assert recipients(review.opened_at) == []
    settings.EMAIL_URL = "smtp://mail.example"

    assert len(recipients(review.opened_at + DAY)) == 2


def test_a_failure_leaves_the_mail_due(review, monkeypatch):
    def fail(*args):
        raise RuntimeError("no queue")

    with monkeypatch.context() as patch:
        patch.setattr(review_mail, "message", fail)
        assert review_mail.send_due(review.opened_at) == (0, 1)

    assert len(recipients(review.opened_at)) == 2


@pytest.mark.postgresql
def test_two_processes_send_each_mail_once(committing, review, at_once, settings):
    settings.EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"

    counts = at_once(4, lambda n: review_mail.send_due(review.opened_at))

    assert sorted(counts) == [(0, 0), (0, 0), (0, 0), (2, 0)]
