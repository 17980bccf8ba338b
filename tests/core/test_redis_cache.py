"""The cache tries Redis again, whichever method is called first."""

import pytest
import redis
from django.core.cache.backends.redis import RedisCache

from echopoint.core import redis_cache
from echopoint.core.circuit_breaker import CircuitBreaker
from echopoint.core.rate_limits import increment


@pytest.fixture
def cache(monkeypatch):
    """Return a cache whose Redis is back, and empty."""
    cache = redis_cache.FallbackRedisCache("redis://127.0.0.1:1", {})
    stored = {}

    def incr(self, key, delta=1, version=None):
        if key not in stored:
            raise ValueError(key)
        stored[key] += delta
        return stored[key]

    def add(self, key, value, timeout=None, version=None):
        return stored.setdefault(key, value) == value

    monkeypatch.setattr(RedisCache, "incr", incr)
    monkeypatch.setattr(RedisCache, "add", add)
    monkeypatch.setattr("echopoint.core.rate_limits.cache", cache)
    monkeypatch.setattr(redis_cache, "circuit_breaker", CircuitBreaker("%s", "back"))
    redis_cache.circuit_breaker.record_failure(redis.ConnectionError())
    redis_cache.circuit_breaker.retry_at = 0
    return cache


def test_a_missing_counter_counts_as_an_answer(cache):
    assert increment("rate:key:a:1") == 1
    assert not redis_cache.circuit_breaker.is_open
    assert increment("rate:key:a:1") == 2
