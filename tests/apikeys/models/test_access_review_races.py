"""Concurrent changes of a review: each happens exactly once."""

import pytest

from apikeys import access_reviews, policy
from apikeys.actors import Actor
from apikeys.exceptions import KeyConflict, StaleReview
from apikeys.models import AccessReview, ApiKey, AuditEvent
from apikeys.models import access_review as module
from apikeys.models.reviewed_key import fingerprint

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")
Action = AuditEvent.Action


@pytest.fixture
def review(committing, acme, issue):
    issue(name="a")
    policy.change(acme, by=SYSTEM, unconfirmed_action="suspend")
    return AccessReview.objects.open(acme, by=SYSTEM)


def again():
    """Return the review as another process reads it."""
    return AccessReview.objects.get()


def confirm(review):
    key = ApiKey.objects.get()
    try:
        return review.confirm({key.public_id: fingerprint(key)}, by=SYSTEM)
    except KeyConflict as refusal:
        return refusal


def close(review):
    closed = review.sign_off(by=SYSTEM)
    review.settle(by=SYSTEM)
    return closed


def count(action):
    return AuditEvent.objects.filter(action=action).count()


def outcome():
    return again().rows().get().outcome


def test_a_confirmation_during_the_sign_off_is_refused(review, meanwhile):
    other = again()

    answer = meanwhile(lambda: close(review), lambda: confirm(other))

    assert isinstance(answer, KeyConflict)
    assert outcome() == "suspended"
    assert count(Action.CONFIRMED) == 0


def test_a_sign_off_during_a_confirmation_counts_it(review, meanwhile):
    other = again()

    assert meanwhile(lambda: confirm(review), lambda: close(other))

    assert outcome() == "confirmed"
    assert (
        AuditEvent.objects.get(action=Action.REVIEW_SIGNED_OFF).details["pending"] == 0
    )
    assert count(Action.SUSPENDED) == 0


def test_a_key_revoked_during_the_sign_off_has_ended(review, meanwhile):
    key = ApiKey.objects.get()

    meanwhile(lambda: key.revoke(by=SYSTEM), lambda: close(again()))

    assert outcome() == "ended"
    assert count(Action.SUSPENDED) == 0


def test_a_key_is_revoked_after_its_suspension_by_the_review(review, meanwhile):
    key = ApiKey.objects.get()

    assert meanwhile(lambda: close(review), lambda: key.revoke(by=SYSTEM))

    assert outcome() == "suspended"
    assert ApiKey.objects.get().status() == "revoked"


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_confirmation_during_another_decision_is_refused(review, meanwhile, verb):
    key = ApiKey.objects.get()
    shown = {key.public_id: fingerprint(key)}

    def attempt():
        try:
            return again().confirm(shown, by=SYSTEM)
        except StaleReview as refusal:
            return refusal

    answer = meanwhile(lambda: getattr(key, verb)(by=SYSTEM), attempt)

    assert isinstance(answer, StaleReview)
    assert outcome() == "pending"


def test_two_closers_close_and_settle_once(review, issue, at_once, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 1)

    closed = at_once(4, lambda n: close(again()))

    assert sorted(closed) == [False, False, False, True]
    assert count(Action.REVIEW_SIGNED_OFF) == 1
    assert count(Action.SUSPENDED) == 1
    assert count(Action.REVIEW_FINISHED) == 1


def test_commands_on_several_machines_open_one_review(committing, acme, issue, at_once):
    issue()
    policy.change(acme, by=SYSTEM, review_every_days=30)

    counts = at_once(4, lambda n: access_reviews.run(by=SYSTEM))

    assert sum(one["opened"] for one in counts) == 1
    assert sum(one["failures"] for one in counts) == 0
    assert count(Action.REVIEW_OPENED) == 1


def test_commands_on_several_machines_close_once(review, at_once):
    at = review.ends_at

    counts = at_once(4, lambda n: access_reviews.run(by=SYSTEM, at=at))

    assert sum(one["closed"] for one in counts) == 1
    assert sum(one["suspended_keys"] for one in counts) == 1
    assert sum(one["failures"] for one in counts) == 0
    assert count(Action.REVIEW_ENDED) == 1
    assert count(Action.SUSPENDED) == 1
    assert count(Action.REVIEW_FINISHED) == 1
