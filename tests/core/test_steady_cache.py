"""The cache asks Redis again, whatever is asked first."""

import pytest
import redis
from django.core.cache.backends.redis import RedisCache

from echopoint.core import steady_cache
from echopoint.core.rate_limits import increment


@pytest.fixture
def cache(monkeypatch):
    """Return the cache, whose Redis has just come back with nothing in it."""
    cache = steady_cache.SteadyRedisCache("redis://127.0.0.1:1", {})
    kept = {}

    def incr(self, key, delta=1, version=None):
        if key not in kept:
            raise ValueError(key)
        kept[key] += delta
        return kept[key]

    def add(self, key, value, timeout=None, version=None):
        return kept.setdefault(key, value) == value

    monkeypatch.setattr(RedisCache, "incr", incr)
    monkeypatch.setattr(RedisCache, "add", add)
    monkeypatch.setattr("echopoint.core.rate_limits.cache", cache)
    monkeypatch.setattr(steady_cache, "breaker", steady_cache.Breaker())
    steady_cache.breaker.fail(redis.ConnectionError())
    steady_cache.breaker.asked_from = 0
    return cache


def test_a_count_that_redis_has_not_yet_is_an_answer(cache):
    assert increment("rate:key:a:1") == 1
    assert not steady_cache.breaker.is_away
    assert increment("rate:key:a:1") == 2
