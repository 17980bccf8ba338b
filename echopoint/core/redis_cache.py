"""A Redis cache that falls back to an in-process cache while Redis does not answer."""

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

from echopoint.core.circuit_breaker import CircuitBreaker

# With Django's default of 300 an attacker could evict the counters of sign-in attempts by
# creating others.
IN_PROCESS = {"MAX_ENTRIES": 50_000}
UNREACHABLE = (
    "Redis does not answer (%s). Until it does, each process counts requests and sign-in"
    " attempts on its own, so the effective limits are multiplied by the number of"
    " processes."
)
RECOVERED = "Redis answers again. Limits are counted for all processes together."


circuit_breaker = CircuitBreaker(UNREACHABLE, RECOVERED)


class RedisUnavailable(Exception):
    """Redis does not answer, or refuses the command."""


def with_fallback(name):
    """Return a method that calls `RedisCache`, or the fallback cache if that fails."""

    def method(self, *args, **kwargs):
        if circuit_breaker.allows_call():
            try:
                result = getattr(RedisCache, name)(self, *args, **kwargs)
            except (redis.RedisError, OSError) as error:
                circuit_breaker.record_failure(error)
            except ValueError:  # no such key to increment: Redis did answer
                circuit_breaker.record_success()
                raise
            else:
                circuit_breaker.record_success()
                return result
        return getattr(self.fallback, name)(*args, **kwargs)

    return method


class FallbackRedisCache(RedisCache):
    """Answers immediately while Redis is away, without the entries stored in Redis."""

    def __init__(self, server, params):
        super().__init__(server, params)
        self.fallback = LocMemCache("redis-fallback", params | {"OPTIONS": IN_PROCESS})

    def call_redis(self, call):
        """Return `call(client)`, without a fallback; raise `RedisUnavailable`."""
        if not circuit_breaker.allows_call():
            raise RedisUnavailable
        try:
            result = call(self._cache.get_client(write=True))
        except redis.ResponseError as error:
            # It answers, but does not allow the command.
            raise RedisUnavailable from error
        except (redis.RedisError, OSError) as error:
            circuit_breaker.record_failure(error)
            raise RedisUnavailable from error
        circuit_breaker.record_success()
        return result

    add = with_fallback("add")
    get = with_fallback("get")
    set = with_fallback("set")
    touch = with_fallback("touch")
    delete = with_fallback("delete")
    get_many = with_fallback("get_many")
    has_key = with_fallback("has_key")
    incr = with_fallback("incr")
    set_many = with_fallback("set_many")
    delete_many = with_fallback("delete_many")
    clear = with_fallback("clear")


def connection_options(url, seconds):
    """Return options for connections that wait at most so many seconds, without retries."""
    limits = {
        "socket_connect_timeout": seconds,
        "socket_timeout": seconds,
        "health_check_interval": 30,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
    keepalive = {} if url.startswith("unix:") else {"socket_keepalive": True}
    return limits | keepalive
