"""The cache in Redis, and one in the process for as long as Redis does not answer."""

import logging
import threading
import time

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

logger = logging.getLogger(__name__)

REST = 10  # seconds until Redis is asked again
# Django's default of 300 lets a stranger push out the counts of attempts by making others.
IN_PROCESS = {"MAX_ENTRIES": 50_000}
AWAY = (
    "Redis does not answer (%s). Until it does, each process counts requests and attempts to"
    " sign in by itself, so that the limits are as many times higher as there are"
    " processes."
)
BACK = "Redis answers again. Limits are counted for all processes together."


class Breaker:
    """Whether Redis is worth asking; one for the process, as each thread has a cache."""

    def __init__(self):
        self.asked_from = 0.0
        self.is_away = False
        self.changing = threading.Lock()

    def may_ask(self):
        """Whether to ask: of many threads, one finds out whether it is back."""
        if not self.is_away:
            return True
        with self.changing:
            now = time.monotonic()
            if now < self.asked_from:
                return False
            self.asked_from = now + REST
            return True

    def fail(self, error):
        with self.changing:
            was_away, self.is_away = self.is_away, True
            self.asked_from = time.monotonic() + REST
        if not was_away:
            # The class alone: the text can have the address.
            logger.warning(AWAY, type(error).__name__)

    def succeed(self):
        if self.is_away:
            with self.changing:
                was_away, self.is_away = self.is_away, False
            if was_away:
                logger.warning(BACK)


breaker = Breaker()


def steady(name):
    """Return the method of `RedisCache`, or of the spare cache while Redis is away."""

    def method(self, *args, **kwargs):
        if breaker.may_ask():
            try:
                answer = getattr(RedisCache, name)(self, *args, **kwargs)
            except (redis.RedisError, OSError) as error:
                breaker.fail(error)
            except ValueError:  # nothing to increment; Redis did answer
                breaker.succeed()
                raise
            else:
                breaker.succeed()
                return answer
        return getattr(self.spare, name)(*args, **kwargs)

    return method


class SteadyRedisCache(RedisCache):
    """Answers at once while Redis is away; what Redis had is not known then."""

    def __init__(self, server, params):
        super().__init__(server, params)
        self.spare = LocMemCache("steady", params | {"OPTIONS": IN_PROCESS})

    add = steady("add")
    get = steady("get")
    set = steady("set")
    touch = steady("touch")
    delete = steady("delete")
    get_many = steady("get_many")
    has_key = steady("has_key")
    incr = steady("incr")
    set_many = steady("set_many")
    delete_many = steady("delete_many")
    clear = steady("clear")


def options(url, seconds):
    """Return the options of a connection that waits for so many seconds, and not twice."""
    limits = {
        "socket_connect_timeout": seconds,
        "socket_timeout": seconds,
        "health_check_interval": 30,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
    keepalive = {} if url.startswith("unix:") else {"socket_keepalive": True}
    return limits | keepalive
