"""Whether the old key can be retired: the verdict on recorded uses."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.models import ApiKey
from apikeys.models.verdict import Verdict
from apikeys.runs import Run

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INSTANT = timedelta(microseconds=1)


def key(*, first=None, last=None, **values):
    """Return a key that was first and last used so long ago; nothing is stored."""
    return ApiKey(
        first_used_at=first and NOW - first, last_used_at=last and NOW - last, **values
    )


def verdict(old, new):
    return Verdict.of(old, new, NOW)


def test_quiet_for_days_while_the_new_one_works_is_safe():
    old, new = key(first=90 * DAY, last=3 * DAY), key(first=2 * DAY, last=2 * MINUTE)

    assert verdict(old, new) == (
        True,
        "Safe to retire: the old key was last used 3 days ago, the new one"
        " 2 minutes ago.",
    )


def test_an_old_key_that_was_never_used_is_safe_once_the_new_one_is():
    assert verdict(key(), key(first=HOUR, last=2 * MINUTE)) == (
        True,
        "Safe to retire: the old key was never used, the new one 2 minutes ago.",
    )


def test_nothing_is_safe_before_the_new_key_was_used():
    assert verdict(key(first=90 * DAY, last=80 * DAY), key()) == (
        False,
        "Not yet: the new key has not been used.",
    )


def test_a_use_since_the_new_one_came_is_told_with_who_and_whence():
    old = key(
        first=DAY,
        last=4 * MINUTE,
        last_used_user_agent="curl/8",
        last_used_ip="192.0.2.7",
    )

    assert verdict(old, key(first=DAY, last=MINUTE)) == (
        False,
        "Not yet: still used 4 minutes ago by curl/8 from 192.0.2.7.",
    )


def test_who_is_left_out_when_it_is_not_known():
    old = key(first=DAY, last=4 * MINUTE)

    assert verdict(old, key(first=DAY, last=MINUTE)).sentence == (
        "Not yet: still used 4 minutes ago."
    )


@pytest.mark.parametrize(
    ("old_last", "new_first", "safe"),
    [
        (30 * MINUTE, 30 * MINUTE - INSTANT, True),  # before the new one was used
        (30 * MINUTE, 30 * MINUTE, True),  # at the same moment
        (30 * MINUTE - INSTANT, 30 * MINUTE, False),  # after it
        (HOUR - INSTANT, 2 * HOUR, False),  # after it, and within the hour
        (HOUR, 2 * HOUR, True),  # after it, but not within the hour
    ],
)
def test_what_counts_is_the_new_keys_first_use_and_the_last_hour(
    old_last, new_first, safe
):
    old, new = key(first=DAY, last=old_last), key(first=new_first, last=MINUTE)

    assert verdict(old, new).safe is safe


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"suspended_at": NOW - MINUTE}, "suspended"),
        ({"expires_at": NOW}, "expired"),
        ({"retire_at": NOW}, "retired"),
        ({"revoked_at": NOW - MINUTE}, "revoked"),
    ],
)
def test_a_new_key_that_does_not_work_is_no_reason_to_retire_the_old(change, word):
    old = key(first=DAY, last=3 * HOUR)

    stopped = verdict(old, key(first=HOUR, last=MINUTE, **change))

    assert stopped == (
        False,
        f"Not yet: the new key does not work. It is {word}.",
    )
    assert verdict(old, key(first=HOUR, last=MINUTE)).safe


def test_a_new_key_that_is_being_rotated_itself_still_works():
    new = key(first=HOUR, last=MINUTE, retire_at=NOW + DAY)

    assert verdict(key(first=DAY, last=3 * HOUR), new).safe


def test_without_a_new_key_nothing_is_safe():
    assert verdict(key(), None) == (
        False,
        "Not yet: there is no new key. It was revoked.",
    )


def test_a_run_with_the_new_key_speaks_for_it():
    old, new = key(first=90 * DAY, last=3 * DAY), key(first=HOUR, last=2 * MINUTE)
    run = Run("Checkout", "completed", NOW - MINUTE)

    assert Verdict.of(old, new, NOW, run=run).sentence == (
        "Safe to retire: the old key was last used 3 days ago, the new one 2 minutes"
        " ago, and with it an execution of Checkout completed 1 minute ago."
    )


@pytest.mark.parametrize(
    ("scopes", "ago", "safe"),
    [
        (["flows:execute"], 59 * MINUTE, False),
        (["flows:execute"], HOUR, True),
        (["flows:execute", "flows:read"], MINUTE, True),
    ],
)
def test_a_narrower_key_that_lacks_a_scope_is_not_ready(scopes, ago, safe):
    old = key(first=90 * DAY, last=3 * DAY, scopes=["flows:execute", "flows:read"])
    new = key(first=2 * HOUR, last=MINUTE, scopes=scopes)

    found = Verdict.of(old, new, NOW, lacking_at=NOW - ago)

    assert found.safe == safe
    assert ("for a scope that it lacks" in found.sentence) == (not safe)
