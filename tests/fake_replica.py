"""A replica that shares the connection of the test database, and a fake Redis.

Rules are tested with it. What PostgreSQL and Redis really do is tested by `make scale-test`
and `tests/faults`.
"""

import copy
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import OperationalError, connections

from echopoint.core.circuit_breaker import CircuitBreaker
from echopoint.core.redis_cache import RedisUnavailable
from echopoint.core.replica import positions, reads, servers, writes
from echopoint.core.replica.servers import PRIMARY, REPLICA

DATABASE = "7712955803615963262/5"


class FakeReplica:
    """The positions of both servers, the content of Redis, and statements by alias."""

    def __init__(self):
        self.primary = self.replayed = 100
        self.is_standby, self.database = True, DATABASE
        self.redis, self.redis_answers = {}, True
        self.statements = {PRIMARY: [], REPLICA: []}
        self.error = None  # of each statement on the replica
        self.tells_position = True  # although statements fail

    def read_row(self, connection, sql, params):
        if connection.alias == PRIMARY:
            return False, DATABASE, self.primary
        if self.error and not self.tells_position:
            raise self.error
        return self.is_standby, self.database, self.replayed

    def note(self, execute, sql, params, many, context):
        alias = context["connection"].alias
        self.statements[alias].append(sql)
        if alias == REPLICA and self.error:
            raise self.error
        return execute(sql, params, many, context)

    def write(self, *subjects):
        """Let a request write that changes rows of the subjects; nothing is replayed."""
        self.primary += 10
        writes.keep_position(*subjects)

    def kept(self):
        """Return the subjects with a position in Redis, but for the baseline."""
        return {name.rpartition(":")[2] for name in self.redis} - {positions.BASELINE}

    def read_with(self, *subjects):
        """Return the alias that a read for the subjects uses."""
        return reads.read(lambda alias: alias, *subjects)

    @contextmanager
    def outage(self, sqlstate=None, *, tells_position=False):
        """Let each statement on the replica fail while the block runs."""
        self.tells_position = tells_position
        self.error = OperationalError("it failed")
        self.error.__cause__ = SimpleError(sqlstate)
        yield
        self.error = None

    # What `positions` calls.

    def make_key(self, name):
        return cache.make_key(name)

    def call_redis(self, call):
        if not self.redis_answers:
            raise RedisUnavailable
        return call(SimpleNamespace(eval=self.eval, mget=self.mget))

    def eval(self, script, count, *given):
        *names, text, seconds = given
        assert (script, count, seconds > 0) == (positions.RAISE, len(names), True)
        for name in names:
            self.redis[name] = max(self.redis.get(name, b""), text.encode())

    def mget(self, names):
        return [self.redis.get(name) for name in names]


class SimpleError(Exception):
    """An error of the driver."""

    def __init__(self, sqlstate):
        self.sqlstate = sqlstate


@pytest.fixture
def replica(db, monkeypatch, settings):
    """Configure a replica, and return the `FakeReplica`."""
    fake = FakeReplica()
    primary = connections[PRIMARY]
    primary.ensure_connection()
    twin = copy.copy(primary)
    twin.alias, twin.execute_wrappers = REPLICA, [fake.note]
    connections.settings[REPLICA] = twin.settings_dict
    connections[REPLICA] = twin
    settings.DATABASE_ROUTERS = ["echopoint.core.replica.router.PrimaryRouter"]
    breaker = CircuitBreaker("The replica is away (%s).", "The replica is back.")
    for module in (servers, reads):
        monkeypatch.setattr(module, "circuit_breaker", breaker)
    monkeypatch.setattr(servers, "read_row", fake.read_row)
    monkeypatch.setattr(positions, "cache", fake)
    unkept = writes.UnkeptWrites()
    for module in (writes, reads):
        monkeypatch.setattr(module, "unkept", unkept)
    with primary.execute_wrapper(fake.note):
        yield fake
    del connections[REPLICA], connections.settings[REPLICA]
