"""The cache goes on in the process while Redis is away or hangs, and says so once."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from echopoint.core import steady_cache
from echopoint.core.steady_cache import Breaker, SteadyRedisCache, options
from tests.faults.services import Redis

SECONDS = 1


@pytest.fixture
def redis(tmp_path, monkeypatch):
    monkeypatch.setattr(steady_cache, "breaker", Breaker())
    server = Redis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cache(redis):
    made = SteadyRedisCache(redis.url, {"OPTIONS": options(redis.url, SECONDS)})
    yield made
    made.spare.clear()


def said(caplog):
    return [record.message for record in caplog.records if "Redis" in record.message]


def test_what_is_kept_is_in_redis(cache, redis):
    cache.set("a", 1)

    other = SteadyRedisCache(redis.url, {"OPTIONS": options(redis.url, SECONDS)})
    assert other.get("a") == 1
    assert cache.spare.get("a") is None


@pytest.mark.parametrize("is_killed", [True, False], ids=["away", "hanging"])
def test_a_server_that_does_not_answer_is_waited_for_once(
    cache, redis, caplog, is_killed
):
    cache.set("a", 1)
    if is_killed:
        redis.stop()
        count_twenty(cache)
    else:
        with redis.hanging():
            count_twenty(cache)

    (warning,) = said(caplog)
    assert "does not answer" in warning
    assert str(redis.port) not in warning


def count_twenty(cache):
    begun = time.monotonic()
    cache.add("attempts", 0)
    assert [cache.incr("attempts") for _ in range(20)] == list(range(1, 21))
    assert cache.get("a") is None
    # Twenty times the limit is what it would take without a breaker.
    assert time.monotonic() - begun < 10 * SECONDS


def test_of_many_threads_one_asks_again(cache, redis, monkeypatch):
    redis.stop()
    cache.get("a")
    monkeypatch.setattr(steady_cache.breaker, "asked_from", 0)

    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda n: steady_cache.breaker.may_ask(), range(8)))

    assert sum(asked) == 1


def test_a_server_that_is_back_is_used_again_and_that_is_said(
    cache, redis, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    redis.stop()
    cache.set("a", 1)
    redis.start()
    assert cache.get("a") == 1  # it is not asked yet

    monkeypatch.setattr(steady_cache.breaker, "asked_from", 0)
    cache.set("b", 2)

    assert cache.spare.get("b") is None
    assert cache.get("b") == 2
    assert [line.split(" again")[0] for line in said(caplog)][1:] == ["Redis answers"]


def test_each_method_of_a_cache_that_reaches_redis_is_steady():
    reach = {"_cache", "get_backend_timeout"}
    plain = {
        name
        for name, value in vars(steady_cache.RedisCache).items()
        if callable(value) and not name.startswith("__") and name not in reach
    }

    assert plain <= vars(SteadyRedisCache).keys()
