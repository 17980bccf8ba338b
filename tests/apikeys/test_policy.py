"""How long a key may live."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, ScopeDenied
from apikeys.models import AuditEvent
from apikeys.policy import DEFAULT, change, expiry, notice_days
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def lenient():
    return Organization(
        default_lifetime_days=30, max_lifetime_days=60, allow_non_expiring=True
    )


@pytest.fixture
def strict():
    return Organization(
        default_lifetime_days=30, max_lifetime_days=60, allow_non_expiring=False
    )


def test_no_choice_is_the_default_lifetime(strict):
    assert expiry(strict, DEFAULT, at=NOW) == NOW + timedelta(days=30)


def test_no_choice_is_the_default_lifetime_even_where_keys_may_live_for_good(lenient):
    assert expiry(lenient, DEFAULT, at=NOW) == NOW + timedelta(days=30)


@pytest.mark.parametrize("days", [1, 59, 60])
def test_a_lifetime_within_the_limit_is_taken(strict, days):
    assert expiry(strict, days, at=NOW) == NOW + timedelta(days=days)


@pytest.mark.parametrize("days", [-1, 0, 61, 10**12])
def test_a_lifetime_outside_the_limit_is_refused_with_the_limit(lenient, days):
    with pytest.raises(InvalidKeyRequest, match="allows 1 to 60 days") as caught:
        expiry(lenient, days, at=NOW)

    assert caught.value.code == "VALIDATION_ERROR"
    assert caught.value.field == "expires_in_days"
    assert caught.value.metadata == {"minimum": 1, "maximum": 60}


def test_no_expiry_is_granted_where_the_policy_allows_it(lenient):
    assert expiry(lenient, None, at=NOW) is None


def test_no_expiry_is_refused_where_the_policy_does_not_allow_it(strict):
    with pytest.raises(InvalidKeyRequest, match="without an expiry") as caught:
        expiry(strict, None, at=NOW)

    assert caught.value.field == "expires_in_days"
    assert caught.value.metadata == {"maximum": 60}


def test_a_change_of_the_policy_is_recorded_with_it(acme, olive):
    by = Actor.person(olive, via="page", is_fresh=True)

    assert change(acme, by=by, max_lifetime_days=90, max_overlap_days=7)

    event = AuditEvent.objects.get()
    assert (event.action, event.target_id) == ("policy.updated", acme.pk)
    assert event.details == {
        "via": "page",
        "before": {"max_lifetime_days": 365},
        "after": {"max_lifetime_days": 90},
    }
    assert acme.max_lifetime_days == 90


def test_the_policy_does_not_change_when_it_cannot_be_recorded(
    acme, olive, monkeypatch
):
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        change(
            acme, by=Actor.person(olive, via="page", is_fresh=True), max_overlap_days=1
        )

    acme.refresh_from_db()
    assert acme.max_overlap_days == 7


def test_only_an_owner_changes_the_policy(acme, alice, bob, mallory, globex):
    for person in (alice, bob, mallory):
        with pytest.raises(ScopeDenied) as caught:
            change(
                acme,
                by=Actor.person(person, via="page", is_fresh=True),
                max_overlap_days=1,
            )
        assert caught.value.missing == ["policy:update"]

    assert change(acme, by=Actor.command("test"), max_overlap_days=1)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"default_lifetime_days": 366}, "max_lifetime_days"),
        ({"max_lifetime_days": 0}, "max_lifetime_days"),
        ({"max_overlap_days": 3651}, "max_overlap_days"),
        ({"notice_days": []}, "notice_days"),
        ({"review_every_days": 45}, "review_every_days"),
        ({"review_period_days": 0}, "review_period_days"),
        ({"review_period_days": 31}, "review_period_days"),
        ({"unconfirmed_action": "revoke"}, "unconfirmed_action"),
        ({"notice_days": [7, 7]}, "notice_days"),
        ({"notice_days": [0]}, "notice_days"),
        ({"notice_days": [91]}, "notice_days"),
        ({"notice_days": ["7"]}, "notice_days"),
        ({"notice_days": [True]}, "notice_days"),
        ({"notice_days": [*range(1, 12)]}, "notice_days"),
    ],
)
def test_limits_that_cannot_be_are_refused(acme, limits, field):
    with pytest.raises(InvalidKeyRequest) as caught:
        change(acme, by=Actor.command("test"), **limits)

    assert caught.value.field == field
    assert not AuditEvent.objects.exists()


def test_the_policy_has_no_other_limits(acme):
    with pytest.raises(TypeError):
        change(acme, by=Actor.command("test"), name="Mine")


@pytest.mark.parametrize(
    ("chosen", "days"),
    [(None, (30, 14, 7, 1, 0)), ([5, 60], (60, 5, 0)), ([90], (90, 0))],
)
def test_notices_are_sent_on_the_chosen_days_and_on_the_last(acme, chosen, days):
    change(acme, by=Actor.command("test"), notice_days=chosen)

    assert notice_days(acme) == days
