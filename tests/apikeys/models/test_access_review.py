"""Access reviews: opening, confirming, closing, and what happens to the other keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys import policy
from apikeys.actors import Actor
from apikeys.exceptions import (
    FreshSignInRequired,
    InvalidKeyRequest,
    KeyConflict,
    ScopeDenied,
    StaleReview,
)
from apikeys.models import AccessReview, ApiKey, AuditEvent, ReviewedKey
from apikeys.models import access_review as module
from apikeys.models.reviewed_key import fingerprint
from tests.core.keys import KEY

SYSTEM = Actor.command("test")
Action = AuditEvent.Action
DAY = timedelta(days=1)


@pytest.fixture
def start(acme):
    """Return a function that opens a review of acme, which suspends unless told otherwise."""

    def start(action="suspend", **options):
        policy.change(acme, by=SYSTEM, unconfirmed_action=action)
        return AccessReview.objects.open(acme, by=SYSTEM, **options)

    return start


def person(user, is_fresh=True):
    return Actor.person(user, via="page", is_fresh=is_fresh)


def shown(*keys):
    return {key.public_id: fingerprint(key) for key in keys}


def outcomes(review):
    return {row.key.name: row.outcome for row in review.rows()}


def events(action):
    return [e.details for e in AuditEvent.objects.filter(action=action).order_by("pk")]


def test_a_review_opens_with_the_shown_terms_or_not_at_all(issue, acme, start):
    issue()
    seen = module.terms(acme)
    policy.change(acme, by=SYSTEM, review_period_days=30)

    # The stored policy counts, not that of the object.
    acme.review_period_days = 14
    with pytest.raises(KeyConflict, match="No review was started"):
        start(action="report", shown=seen)

    assert not AccessReview.objects.exists()
    assert start(action="report", shown="report 30")


def test_a_review_has_each_key_that_has_not_ended(issue, globex, start):
    issue(name="live")
    suspended, _ = issue(name="suspended")
    suspended.suspend(by=SYSTEM)
    rotated, _ = issue(name="rotated")
    rotated.rotate(by=SYSTEM)
    for end in ("revoked", "retired"):
        key, _ = issue(name=end)
        if end == "revoked":
            key.revoke(by=SYSTEM)
        else:
            key.rotate(by=SYSTEM)
            key.retire(by=SYSTEM)
            key.successor.revoke(by=SYSTEM)
    issue(name="expired", expires_in_days=1, at=timezone.now() - 2 * DAY)
    issue(name="theirs", organization=globex)

    review = start()
    issue(name="later")

    names = sorted(row.key.name for row in review.rows())
    assert names == ["live", "rotated", "rotated", "suspended"]
    assert review.key_count == 4
    [opened] = events(Action.REVIEW_OPENED)
    assert opened["keys"] == 4
    assert opened["unconfirmed_action"] == "suspend"
    assert review.ends_at == review.opened_at + 14 * DAY


def test_the_keys_are_in_the_order_of_names(issue, start):
    for name in ("cherry", "Apple", "banana"):
        issue(name=name)

    review = start()

    names = [row.key.name for row in review.rows().order_by("pk")]
    assert names == ["Apple", "banana", "cherry"]
    assert review.key_count == 3


def test_one_statement_adds_all_keys(issue, acme, start, django_assert_num_queries):
    for _ in range(3):
        issue()
    review = start()
    review.rows().delete()

    with django_assert_num_queries(1):
        assert ReviewedKey.objects.add(review, acme.api_keys.all()) == 3

    row = review.rows().first()
    new = ReviewedKey(organization=acme, review=review, key_id=row.key_id)
    for field in ReviewedKey._meta.concrete_fields:
        if not field.primary_key:
            assert getattr(row, field.attname) == getattr(new, field.attname)


def test_only_one_review_is_open(issue, start):
    issue()

    assert start().number == 1
    assert start() is None
    assert AccessReview.objects.count() == 1


def test_no_review_opens_while_the_last_one_has_keys_to_settle(
    issue, acme, start, monkeypatch
):
    monkeypatch.setattr(module, "BATCH", 1)
    now = timezone.now()
    for _ in range(2):
        issue(at=now - 100 * DAY, expires_in_days=300)
    first = start(at=now - 90 * DAY)
    policy.change(acme, by=SYSTEM, review_every_days=30)
    first.sign_off(by=SYSTEM)
    first.settle(by=SYSTEM, limit=1)

    with pytest.raises(KeyConflict, match="Access review 1 is closed, but some of its"):
        start()
    assert AccessReview.objects.open(acme, by=SYSTEM, if_due=True) is None

    assert first.settle(by=SYSTEM) == 1
    assert start().number == 2


def test_no_review_opens_without_a_key(start):
    assert start() is None


@pytest.mark.parametrize(
    ("days", "age", "is_opened"),
    [(None, None, False), (90, None, True), (90, 89, False), (90, 90, True)],
)
def test_a_review_is_due_so_many_days_after_the_one_before(
    issue, acme, start, days, age, is_opened
):
    now = timezone.now()
    issue(at=now - 100 * DAY, expires_in_days=300)
    policy.change(acme, by=SYSTEM, review_every_days=days)
    if age is not None:
        before = start(at=now - age * DAY)
        before.sign_off(by=SYSTEM)
        before.settle(by=SYSTEM)

    opened = AccessReview.objects.open(acme, by=SYSTEM, at=now, if_due=True)

    assert (opened is not None) == is_opened
    if age and opened:
        assert opened.number == 2


def test_a_change_of_the_policy_does_not_concern_an_open_review(issue, acme, start):
    key, _ = issue()
    review = start("report")
    policy.change(acme, by=SYSTEM, unconfirmed_action="suspend", review_period_days=3)

    review.sign_off(by=SYSTEM)
    review.settle(by=SYSTEM)

    key.refresh_from_db()
    assert not key.suspended_at


def test_a_confirmation_records_the_scopes_the_owner_and_the_person(
    issue, alice, bob, start
):
    key, _ = issue("flows:read", "flows:execute", owner_email=bob.email)
    review = start()

    count = review.confirm(shown(key), by=person(alice), note="nightly builds")

    assert count == 1
    row = review.rows().get()
    assert row.outcome == "confirmed"
    assert row.confirmed_scopes == key.scopes
    assert row.confirmed_owner_label == bob.email
    assert row.confirmed_by_label == alice.email
    assert row.own_words == ""
    event = AuditEvent.objects.get(action=Action.CONFIRMED)
    assert event.target_id == key.rest_id
    assert event.actor_id == alice.pk
    assert event.details == {
        "via": "page",
        "review": 1,
        "scopes": key.scopes,
        "owner": bob.email,
        "own": "",
        "note": "nightly builds",
    }


@pytest.mark.parametrize(
    ("is_owner", "is_creator", "words"),
    [
        (True, True, "its own owner"),
        (True, False, "its own owner"),
        (False, True, "its own creator"),
        (False, False, ""),
    ],
)
def test_a_confirmation_of_ones_own_key_is_marked(
    issue, alice, olive, start, is_owner, is_creator, words
):
    key, _ = issue(
        by=person(alice if is_creator else olive),
        owner_email=(alice if is_owner else olive).email,
    )
    review = start()

    review.confirm(shown(key), by=person(alice))

    row = review.rows().get()
    assert (row.is_by_owner, row.is_by_creator) == (is_owner, is_creator)
    assert row.own_words == words
    assert events(Action.CONFIRMED)[0]["own"] == words
    review.sign_off(by=person(alice))
    assert events(Action.REVIEW_SIGNED_OFF)[0]["self_confirmed"] == bool(words)


def test_confirming_twice_changes_nothing(issue, alice, olive, start):
    key, _ = issue()
    review = start()
    review.confirm(shown(key), by=person(alice))

    assert review.confirm(shown(key), by=person(olive)) == 0

    assert review.rows().get().confirmed_by_label == alice.email
    assert len(events(Action.CONFIRMED)) == 1


@pytest.mark.parametrize(
    "change",
    [
        *("name", "owner", "scopes", "leak"),
        *("suspend", "resume", "revoke", "rotate", "expire"),
    ],
)
def test_a_key_that_changed_since_it_was_shown_is_refused(
    issue, alice, bob, start, change
):
    key, _ = issue(name="before" if change == "name" else "changed")
    other, _ = issue(name="other")
    if change == "resume":
        key.suspend(by=SYSTEM)
    review = start()
    seen, at = shown(key, other), None
    if change == "name":
        key.rename("changed", by=SYSTEM)
    elif change == "owner":
        key.set_owner(bob.email, by=SYSTEM)
    elif change == "scopes":  # no verb changes them, but someone might in the database
        ApiKey.objects.filter(pk=key.pk).update(scopes=["flows:delete"])
    elif change == "leak":  # alone; a report also suspends the key
        ApiKey.objects.filter(pk=key.pk).update(leak_reported_at=timezone.now())
    elif change in {"suspend", "resume", "revoke", "rotate"}:
        getattr(key, change)(by=SYSTEM)
    else:
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + DAY)
        at = timezone.now() + 2 * DAY

    with pytest.raises(StaleReview, match="page was shown: changed. No key") as refused:
        review.confirm(seen, by=person(alice), at=at)

    assert refused.value.keys == [key]
    assert set(outcomes(review).values()) == {"pending"}
    assert not events(Action.CONFIRMED)


def test_a_key_outside_the_review_is_refused(issue, globex, start):
    issue()
    review = start()
    later, _ = issue()
    theirs, _ = issue(organization=globex)

    for key in (later, theirs):
        with pytest.raises(KeyConflict, match="not part of this review"):
            review.confirm(shown(key), by=SYSTEM)


def test_no_key_is_confirmed_once_the_review_is_closed(issue, start):
    key, _ = issue()
    review = start("report")
    stale = AccessReview.objects.get()
    review.sign_off(by=SYSTEM)

    with pytest.raises(KeyConflict, match="was closed"):
        stale.confirm(shown(key), by=SYSTEM)


def test_no_key_is_confirmed_after_the_period(issue, start):
    key, _ = issue()
    review = start()

    with pytest.raises(KeyConflict, match="period of Access review 1 ended"):
        review.confirm(shown(key), by=SYSTEM, at=review.ends_at)
    assert review.confirm(shown(key), by=SYSTEM, at=review.ends_at - DAY) == 1


@pytest.mark.parametrize("note", ["x" * 256, f"for {KEY}"])
def test_a_note_that_cannot_be_stored_is_refused(issue, start, note):
    key, _ = issue()
    review = start()

    with pytest.raises(InvalidKeyRequest) as refused:
        review.confirm(shown(key), by=SYSTEM, note=note)

    assert refused.value.field == "note"
    assert outcomes(review)[key.name] == "pending"


@pytest.mark.parametrize("verb", ["open", "confirm", "sign_off", "end_period"])
def test_members_and_old_sign_ins_are_refused(issue, acme, alice, bob, start, verb):
    key, _ = issue()
    review = start() if verb != "open" else None
    verbs = {
        "open": lambda by: AccessReview.objects.open(acme, by=by),
        "confirm": lambda by: review.confirm(shown(key), by=by),
        "sign_off": lambda by: review.sign_off(by=by),
        "end_period": lambda by: review.end_period(by=by),
    }

    with pytest.raises(ScopeDenied):
        verbs[verb](person(bob))
    with pytest.raises(FreshSignInRequired):
        verbs[verb](person(alice, is_fresh=False))
    verbs[verb](person(alice))


def test_a_signed_off_review_suspends_what_was_not_confirmed(issue, alice, start):
    for name in ("kept", "forgotten", "revoked", "rotated", "paused", "retiring"):
        key, _ = issue(name=name)
        if name == "retiring":
            key.rotate(by=SYSTEM, at=timezone.now() - DAY)
    review = start()
    keys = {row.key.name: row.key for row in review.rows().order_by("key")}
    retiring = ApiKey.objects.get(name="retiring", rotated_from=None)
    review.confirm(shown(keys["kept"]), by=person(alice))
    keys["revoked"].revoke(by=SYSTEM)
    keys["rotated"].rotate(by=SYSTEM)
    keys["paused"].suspend(by=SYSTEM)

    assert review.sign_off(by=person(alice))
    review.settle(by=person(alice))

    assert outcomes(review) == {
        "kept": "confirmed",
        "forgotten": "suspended",
        "revoked": "ended",
        "rotated": "rotated",
        "paused": "unconfirmed",
        "retiring": "suspended",
    }
    retiring.refresh_from_db()
    assert retiring.suspended_at
    forgotten = ApiKey.objects.get(name="forgotten")
    assert forgotten.status() == "suspended"
    suspension = AuditEvent.objects.get(
        action=Action.SUSPENDED, target_id=forgotten.rest_id
    )
    assert suspension.details["reason"] == "Not confirmed in access review 1."
    assert suspension.actor_id == alice.pk
    assert forgotten.resume(by=SYSTEM)
    [closed] = events(Action.REVIEW_SIGNED_OFF)
    assert (closed["confirmed"], closed["self_confirmed"], closed["pending"]) == (
        1,
        0,
        4,
    )
    [finished] = events(Action.REVIEW_FINISHED)
    assert finished == {
        "via": "page",
        "confirmed": 1,
        "suspended": 3,
        "unconfirmed": 1,
        "rotated": 1,
        "ended": 1,
    }


@pytest.mark.parametrize(
    ("is_revoked", "outcome"), [(False, "rotated"), (True, "ended")]
)
def test_a_rotated_key_that_has_retired_by_the_close_was_rotated(
    issue, start, is_revoked, outcome
):
    key, _ = issue()
    review = start()
    key.rotate(by=SYSTEM, overlap=timedelta(days=7))
    if is_revoked:
        key.revoke(by=SYSTEM)

    review.end_period(by=SYSTEM, at=review.ends_at)
    review.settle(by=SYSTEM, at=review.ends_at)

    assert key.has_ended(review.ends_at)
    assert outcomes(review) == {key.name: outcome}


def test_a_cancelled_rotation_does_not_save_a_key(issue, start):
    key, _ = issue()
    review = start()
    key.rotate(by=SYSTEM)
    key.cancel_rotation(by=SYSTEM)

    review.sign_off(by=SYSTEM)
    review.settle(by=SYSTEM)

    assert outcomes(review)[key.name] == "suspended"


def test_by_default_a_review_only_reports(issue, acme):
    key, _ = issue()
    review = AccessReview.objects.open(acme, by=SYSTEM)

    review.sign_off(by=SYSTEM)
    review.settle(by=SYSTEM)

    key.refresh_from_db()
    assert key.works
    assert outcomes(review) == {key.name: "unconfirmed"}
    assert review.finished_at


def test_the_end_of_the_period_closes_the_review(issue, start):
    issue()
    review = start()

    assert not review.end_period(by=SYSTEM, at=review.ends_at - timedelta(seconds=1))
    assert review.end_period(by=SYSTEM, at=review.ends_at)
    assert not review.end_period(by=SYSTEM, at=review.ends_at)
    assert not review.sign_off(by=SYSTEM)

    assert not review.is_signed_off
    assert len(events(Action.REVIEW_ENDED)) == 1
    assert not events(Action.REVIEW_SIGNED_OFF)


def test_an_interrupted_settlement_continues(issue, start, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for _ in range(5):
        issue()
    review = start()
    review.sign_off(by=SYSTEM)

    assert review.settle(by=SYSTEM, limit=2) == 2
    assert not review.finished_at
    assert ApiKey.objects.exclude(suspended_at=None).count() == 2
    assert review.settle(by=SYSTEM) == 3

    assert review.finished_at
    assert ApiKey.objects.filter(suspended_at=None).count() == 0
    assert len(events(Action.REVIEW_FINISHED)) == 1
    assert review.settle(by=SYSTEM) == 0


def test_an_open_review_settles_nothing(issue, start):
    issue()
    review = start()

    assert review.settle(by=SYSTEM) == 0
    assert set(outcomes(review).values()) == {"pending"}


def test_nothing_is_stored_without_its_event(issue, start, monkeypatch):
    key, _ = issue()
    review = start()

    def fail(*args, **kwargs):
        raise RuntimeError("no audit")

    monkeypatch.setattr(type(AuditEvent.objects), "record", fail)
    for act in (
        lambda: review.confirm(shown(key), by=SYSTEM),
        lambda: review.sign_off(by=SYSTEM),
    ):
        with pytest.raises(RuntimeError):
            act()

    assert outcomes(review)[key.name] == "pending"
    assert AccessReview.objects.get().closed_at is None


def test_a_key_to_confirm_is_the_same_in_python_and_in_queries(issue, start):
    now = timezone.now()
    names = ("live", "revoked", "expiring", "rotated", "cancelled", "before", "done")
    keys = {}
    for name in names:
        days = 1 if name == "expiring" else 90
        keys[name], _ = issue(name=name, expires_in_days=days, at=now - DAY / 2)
    keys["before"].rotate(by=SYSTEM, at=now - DAY / 4)
    review = start(at=now)
    review.confirm(shown(keys["done"]), by=SYSTEM)
    keys["revoked"].revoke(by=SYSTEM)
    keys["rotated"].rotate(by=SYSTEM)
    keys["cancelled"].rotate(by=SYSTEM)
    keys["cancelled"].cancel_rotation(by=SYSTEM)
    later = now + 2 * DAY

    needed = review.rows().still_to_confirm(later)
    others = review.rows().still_to_confirm(later, is_needed=False)

    found = sorted(row.key.name for row in needed)
    assert found == ["before", "before", "cancelled", "live"]
    assert {row.key.name for row in others} == {"revoked", "expiring", "rotated"}
    assert not any(row.needs_none(review, later) for row in needed)
    assert all(row.needs_none(review, later) for row in others)


def test_a_row_of_a_review_is_of_its_organization(issue, acme, globex, start):
    issue()
    review = start()

    assert AccessReview.objects.current(acme) == review
    assert AccessReview.objects.current(globex) is None
    assert not ReviewedKey.objects.for_org(globex).exists()
