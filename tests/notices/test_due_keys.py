"""Which keys need a notice, and when they need none."""

import pytest

from apikeys import freezing, policy
from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.notices.due_keys import (
    days_left,
    due_keys,
    is_worth_a_notice,
    threshold_of,
)
from echopoint.notices.models import ExpiryNotice
from tests.notices.dates import DAY, HOUR, NOW

SYSTEM = Actor.command("test")


@pytest.mark.parametrize(
    ("days", "threshold"),
    [
        (31, None),
        (30, 30),
        (15, 30),
        (14, 14),
        (8, 14),
        (7, 7),
        (2, 7),
        (1, 1),
        (0, 0),
        (-7, 0),
        (-8, None),
    ],
)
def test_a_key_reaches_the_most_urgent_threshold(ending, acme, days, threshold):
    key = ending(days)

    due = list(due_keys(acme, NOW))

    assert due == ([key] if threshold is not None else [])
    assert threshold_of(key, NOW) == threshold
    assert days_left(key, NOW) == days


@pytest.mark.parametrize("hours", [-14, 0, 9])
def test_days_are_calendar_days_whatever_the_hour(ending, acme, hours):
    ending(7)

    assert due_keys(acme, NOW + hours * HOUR).exists()
    assert not due_keys(acme, NOW + 24 * DAY).exists()


@pytest.mark.parametrize("lifetime", [30, 14, 7, 1])
def test_whoever_issued_the_key_has_just_seen_the_date(ending, acme, lifetime):
    key = ending(lifetime, lifetime=lifetime)

    assert not due_keys(acme, NOW).exists()
    later = [n for n in range(lifetime + 1) if due_keys(acme, NOW + n * DAY)]
    assert len(later) == (0 if not later else lifetime - later[0] + 1)
    assert due_keys(acme, key.expires_at).exists()


def test_a_notice_covers_its_threshold_and_no_other(ending, acme):
    key = ending(7)
    ExpiryNotice.objects.record(key, 7, [])

    assert not due_keys(acme, NOW).exists()
    assert not due_keys(acme, NOW + 5 * DAY).exists()
    assert due_keys(acme, NOW + 6 * DAY).exists()


def test_another_end_has_notices_of_its_own(ending, acme):
    key = ending(7)
    ExpiryNotice.objects.record(key, 7, [])
    ApiKey.objects.filter(pk=key.pk).update(expires_at=key.expires_at - HOUR)

    assert due_keys(acme, NOW).exists()


def test_other_organizations_keys_are_not_due_here(ending, acme, globex):
    ending(7, organization=globex)

    assert not due_keys(acme, NOW).exists()
    assert due_keys(globex, NOW).exists()


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_a_stopped_key_is_of_no_concern(ending, acme, verb):
    key = ending(7)
    getattr(key, verb)(by=SYSTEM)

    assert not due_keys(acme, NOW).exists()
    assert not is_worth_a_notice(ApiKey.objects.get(), NOW)


def test_frozen_keys_are_of_no_concern_until_the_freeze_ends(ending, acme):
    ending(7)
    freezing.freeze(acme, by=SYSTEM)

    assert not due_keys(acme, NOW).exists()
    assert not is_worth_a_notice(ApiKey.objects.get(), NOW)

    freezing.unfreeze(acme, by=SYSTEM)

    assert due_keys(acme, NOW).exists()
    assert is_worth_a_notice(ApiKey.objects.get(), NOW)


def test_a_blocked_key_is_of_no_concern(ending, settings):
    key = ending(7)
    assert is_worth_a_notice(key, NOW)

    settings.API_KEYS_BLOCKED = frozenset([key.rest_id])

    assert not is_worth_a_notice(key, NOW)


@pytest.fixture
def rotating(ending, used):
    """Return (old key, new key) of a rotation that ends tomorrow; the old one was used."""
    key = used(ending(60), at=NOW - 7 * DAY)
    successor, _ = key.rotate(by=SYSTEM, overlap=7 * DAY, at=NOW - 6 * DAY)
    return ApiKey.objects.get(pk=key.pk), successor


def test_a_retiring_key_is_due_while_a_place_needs_it(rotating, acme):
    old, _ = rotating

    assert list(due_keys(acme, NOW)) == [old]
    assert is_worth_a_notice(old, NOW)
    assert threshold_of(old, NOW) == 1


def test_a_retiring_key_whose_places_have_moved_is_quiet(rotating, used):
    old, new = rotating
    used(new, at=NOW - 5 * DAY)

    assert not is_worth_a_notice(ApiKey.objects.get(pk=old.pk), NOW)


def test_a_place_that_returns_to_the_old_key_ends_the_quiet(rotating, used):
    old, new = rotating
    used(new, at=NOW - 5 * DAY)
    old = used(old, at=NOW - DAY)

    assert is_worth_a_notice(old, NOW)


def test_the_overlap_that_was_just_chosen_is_not_announced(rotating, acme):
    start = NOW - 6 * DAY

    days = [n for n in range(9) if due_keys(acme, start + n * DAY).exists()]

    assert days == [6, 7, 8]


def test_a_key_that_somebody_retired_is_of_no_concern(rotating, acme):
    old, _ = rotating
    old.retire(by=SYSTEM, at=NOW - HOUR)

    assert not due_keys(acme, NOW).exists()
    assert not is_worth_a_notice(ApiKey.objects.get(pk=old.pk), NOW)


def test_a_key_that_retired_by_date_while_in_use_is_told_of(rotating, acme):
    old, _ = rotating

    assert list(due_keys(acme, NOW + 2 * DAY)) == [old]
    assert is_worth_a_notice(old, NOW + 2 * DAY)


@pytest.mark.parametrize(
    ("days", "threshold"),
    [(61, None), (60, 60), (21, 60), (20, 20), (1, 20), (0, 0)],
)
def test_an_organization_chooses_the_days(ending, acme, days, threshold):
    policy.change(acme, by=SYSTEM, notice_days=[60, 20])
    key = ending(days)

    assert list(due_keys(acme, NOW)) == ([key] if threshold is not None else [])
    assert threshold_of(key, NOW) == threshold


def test_days_added_after_a_notice_closer_to_the_end_are_not_due(ending, acme):
    key = ending(12)
    ExpiryNotice.objects.record(key, 14, [])

    policy.change(acme, by=SYSTEM, notice_days=[20, 10])

    assert not due_keys(acme, NOW).exists()
    assert not due_keys(acme, NOW + DAY).exists()
    assert due_keys(acme, NOW + 2 * DAY).exists()


def test_days_that_are_removed_and_put_back_are_due_once(ending, acme):
    key = ending(12)
    ExpiryNotice.objects.record(key, 14, [])

    for days in ([30], [14, 13], None, [12]):
        policy.change(acme, by=SYSTEM, notice_days=days)
        assert due_keys(acme, NOW).exists() == (days in ([14, 13], [12])), days
        for due in due_keys(acme, NOW):
            assert ExpiryNotice.objects.record(due, threshold_of(due, NOW), [])
        assert not due_keys(acme, NOW).exists()
