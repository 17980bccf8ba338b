"""WAL positions that the replica must have replayed, kept in Redis for all processes.

A write keeps the primary's position for its subject: an organization, a user, or everyone.
Missing positions prove nothing, since Redis can lose its content. So there is also a
baseline: a position of the primary, at most `DATABASE_REPLICA_SECONDS` old, that every read
requires. It covers what was lost before it, and limits how old any list can be. It expires
before the positions do, so it covers the expired ones too.
"""

from django.conf import settings
from django.core.cache import cache

from echopoint.core.replica.servers import PRIMARY, wal_position

KEEP_SECONDS = 3600
EVERYONE, BASELINE = "everyone", "baseline"
# Keep the higher position: concurrent writers may reach Redis in the other order. Positions
# are hexadecimal of equal length, so they compare as texts.
RAISE = """
for _, name in ipairs(KEYS) do
    local kept = redis.call('GET', name)
    if not kept or kept < ARGV[1] then
        redis.call('SET', name, ARGV[1], 'EX', ARGV[2])
    end
end
"""


class ForeignReplica(Exception):
    """The replica is not a standby of the primary, or of another database of it."""


def keep(here, subjects, seconds=KEEP_SECONDS):
    """Keep the primary's `WalPosition` for the subjects; raise `RedisUnavailable`."""
    names = names_of(here.database, subjects)
    text = f"{here.position:016x}"
    cache.call_redis(lambda redis: redis.eval(RAISE, len(names), *names, text, seconds))


def required(database, subjects):
    """Return the position that a read for the subjects requires of the replica.

    `database` identifies the replica's. Raise `RedisUnavailable`, `ForeignReplica`, or an
    error of the primary.
    """
    names = names_of(database, [BASELINE, EVERYONE, *subjects])
    baseline, *kept = cache.call_redis(lambda redis: redis.mget(names))
    if baseline is None:
        return set_baseline(database)
    return max(int(text, 16) for text in (baseline, *kept) if text is not None)


def set_baseline(database):
    """Set the baseline to the primary's position and return it."""
    here = wal_position(PRIMARY)
    if here.database != database:
        raise ForeignReplica
    keep(here, [BASELINE], settings.DATABASE_REPLICA_SECONDS)
    return here.position


def names_of(database, subjects):
    """Return the names of the entries in Redis.

    They contain the database: after a restore into another one, positions begin again.
    """
    return [cache.make_key(f"wal:{database}:{subject}") for subject in subjects]
