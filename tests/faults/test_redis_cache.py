"""The cache works in the process while Redis is down or hangs, and warns once."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from echopoint.core import redis_cache
from echopoint.core.redis_cache import FallbackRedisCache, connection_options

SECONDS = 1


@pytest.fixture
def redis(own_redis):
    return own_redis


@pytest.fixture
def cache(redis):
    cache = FallbackRedisCache(
        redis.url, {"OPTIONS": connection_options(redis.url, SECONDS)}
    )
    yield cache
    cache.fallback.clear()


def redis_messages(caplog):
    return [record.message for record in caplog.records if "Redis" in record.message]


def test_entries_are_stored_in_redis(cache, redis):
    cache.set("a", 1)

    other = FallbackRedisCache(
        redis.url, {"OPTIONS": connection_options(redis.url, SECONDS)}
    )
    assert other.get("a") == 1
    assert cache.fallback.get("a") is None


@pytest.mark.parametrize("is_killed", [True, False], ids=["away", "hanging"])
def test_an_unresponsive_server_delays_only_one_call(cache, redis, caplog, is_killed):
    cache.set("a", 1)
    if is_killed:
        redis.stop()
        count_twenty(cache)
    else:
        with redis.hanging():
            count_twenty(cache)

    (warning,) = redis_messages(caplog)
    assert "does not answer" in warning
    assert str(redis.port) not in warning


def count_twenty(cache):
    begun = time.monotonic()
    cache.add("attempts", 0)
    assert [cache.incr("attempts") for _ in range(20)] == list(range(1, 21))
    assert cache.get("a") is None
    # Without the circuit breaker it would take twenty times the timeout.
    assert time.monotonic() - begun < 10 * SECONDS


def test_only_one_of_many_threads_tries_redis_again(cache, redis, monkeypatch):
    redis.stop()
    cache.get("a")
    monkeypatch.setattr(redis_cache.circuit_breaker, "retry_at", 0)

    with ThreadPoolExecutor(8) as pool:
        allowed = list(
            pool.map(lambda n: redis_cache.circuit_breaker.allows_call(), range(8))
        )

    assert sum(allowed) == 1


def test_a_server_that_is_back_is_used_again_and_logged(
    cache, redis, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    redis.stop()
    cache.set("a", 1)
    redis.start()
    assert cache.get("a") == 1  # Redis is not tried yet

    monkeypatch.setattr(redis_cache.circuit_breaker, "retry_at", 0)
    cache.set("b", 2)

    assert cache.fallback.get("b") is None
    assert cache.get("b") == 2
    assert [line.split(" again")[0] for line in redis_messages(caplog)][1:] == [
        "Redis answers"
    ]


def test_each_method_that_calls_redis_has_a_fallback():
    reach = {"_cache", "get_backend_timeout"}
    plain = {
        name
        for name, value in vars(redis_cache.RedisCache).items()
        if callable(value) and not name.startswith("__") and name not in reach
    }

    assert plain <= vars(FallbackRedisCache).keys()
