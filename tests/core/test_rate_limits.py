"""Counting requests per minute."""

import pytest
from django.core.cache import cache

from echopoint.core import rate_limits
from echopoint.core.rate_limits import WINDOW, ProcessCounts, hit

NOON = 1_700_000_040  # the beginning of a minute


@pytest.fixture(params=["process", "cache"], autouse=True)
def counters(request, settings):
    """Count in this process, and in the cache as with Redis."""
    settings.REDIS_URL = {"process": "", "cache": "redis://127.0.0.1"}[request.param]


@pytest.fixture
def shared(settings):
    settings.REDIS_URL = "redis://127.0.0.1"


def test_a_window_takes_its_quota_and_no_more():
    found = [hit("key", "a", 2, now=NOON + n) for n in range(3)]

    assert [rate.remaining for rate in found] == [1, 0, 0]
    assert [rate.is_exceeded for rate in found] == [False, False, True]
    assert [rate.reset for rate in found] == [60, 59, 58]


def test_the_next_minute_begins_anew():
    for _ in range(3):
        hit("key", "a", 2, now=NOON + WINDOW - 1)

    assert hit("key", "a", 2, now=NOON + WINDOW).remaining == 1


@pytest.mark.parametrize("other", [("key", "b"), ("webhook", "a")])
def test_each_name_and_identity_counts_by_itself(other):
    hit("key", "a", 5, now=NOON)

    assert hit(*other, 5, now=NOON).remaining == 4


def test_the_fields_are_those_of_the_draft():
    assert hit("key", "a", 600, now=NOON + 43).fields() == {
        "RateLimit-Policy": '"key";q=600;w=60',
        "RateLimit": '"key";r=599;t=17',
    }


def test_two_first_requests_at_once_are_two(monkeypatch, shared):
    """Another process adds the counter between our read and write."""
    add = cache.add

    def add_late(*args):
        add(*args)
        return False

    monkeypatch.setattr(rate_limits.cache, "add", add_late)

    assert hit("key", "a", 5, now=NOON).remaining == 3


def test_a_count_that_the_cache_does_not_keep_lets_the_request_in(monkeypatch, shared):
    monkeypatch.setattr(rate_limits.cache, "add", lambda *args: False)

    assert not hit("key", "a", 5, now=NOON).is_exceeded


def test_counts_of_earlier_windows_are_dropped():
    counts = ProcessCounts()
    for name in "abc":
        counts.increment(1, name)

    counts.increment(2, "a")

    assert counts._counts == {"a": 1}


def test_threads_count_each_request(at_once):
    at_once(4, lambda n: [hit("key", "a", 10_000, now=NOON) for _ in range(500)])

    assert hit("key", "a", 10_000, now=NOON).remaining == 10_000 - 2001
