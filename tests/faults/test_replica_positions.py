"""Positions in a real Redis: they only rise, expire, and are unknown while it is away."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from echopoint.core import redis_cache
from echopoint.core.redis_cache import (
    FallbackRedisCache,
    RedisUnavailable,
    connection_options,
)
from echopoint.core.replica import positions
from echopoint.core.replica.positions import keep, required
from echopoint.core.replica.servers import WalPosition

DATABASE = "7712955803615963262/5"


@pytest.fixture
def redis(own_redis, monkeypatch):
    """Return a server with a baseline of 16."""
    url = own_redis.url
    options = {"OPTIONS": connection_options(url, 1)}
    monkeypatch.setattr(positions, "cache", FallbackRedisCache(url, options))
    keep(at(16), [positions.BASELINE])
    return own_redis


def at(position, database=DATABASE):
    return WalPosition(False, database, position)


def test_a_position_is_required_of_its_subjects_alone(redis):
    keep(at(2**40), ["org_a", "user_a"])

    assert required(DATABASE, ["org_a"]) == 2**40
    assert required(DATABASE, ["org_b", "user_a"]) == 2**40
    assert required(DATABASE, ["org_b"]) == 16


def test_everyones_is_required_of_all(redis):
    keep(at(99), [positions.EVERYONE])

    assert required(DATABASE, ["org_b"]) == 99


@pytest.mark.parametrize("latest", [255, 256, 2**62])
def test_a_position_only_rises(redis, latest):
    kept = [latest - n for n in range(32)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda position: keep(at(position), ["org_a"]), kept))

    assert required(DATABASE, ["org_a"]) == latest


def test_entries_expire(redis):
    keep(at(99), ["org_a"])
    keep(at(98), ["org_a"], seconds=1)

    (name,) = positions.names_of(DATABASE, ["org_a"])
    left = positions.cache.call_redis(lambda client: client.ttl(name))
    assert 3500 < left <= positions.KEEP_SECONDS


def test_another_database_has_positions_of_its_own(redis):
    keep(at(99, "other/1"), ["org_a"])

    assert required(DATABASE, ["org_a"]) == 16


def test_nothing_is_known_while_redis_is_away(redis):
    redis.stop()

    for _ in range(2):  # the second time it is not called
        with pytest.raises(RedisUnavailable):
            keep(at(99), ["org_a"])
        with pytest.raises(RedisUnavailable):
            required(DATABASE, ["org_a"])


def test_a_refused_command_does_not_stop_the_use_of_redis(redis):
    positions.cache.call_redis(lambda client: client.config_set("maxmemory", 1))

    with pytest.raises(RedisUnavailable):
        keep(at(99), ["org_a"])

    assert not redis_cache.circuit_breaker.is_open
