"""The primary and its replica, and where each is in the write-ahead log (WAL)."""

from typing import NamedTuple

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
)

from echopoint.core.circuit_breaker import CircuitBreaker
from echopoint.core.row_reads import read_row

PRIMARY, REPLICA = DEFAULT_DB_ALIAS, "replica"

# A position is a number of bytes since the first WAL. The identifier of the cluster with
# the oid of the database is the same on a primary and its standbys, and differs for any
# other database.
POSITION = """
SELECT
    pg_is_in_recovery(),
    system_identifier || '/' || own.oid,
    (
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn
    )::bigint
FROM pg_control_system(), pg_database own
WHERE own.datname = current_database()
"""
# PostgreSQL, appendix A: the statement was cancelled, but the server answers. The first
# two are conflicts with recovery: the replica replays the removal of rows it was reading.
CANCELLED = {"40001", "40P01", "57014", "55P03"}

circuit_breaker = CircuitBreaker(
    "The replica does not answer (%s). Until it does, lists are read from the primary.",
    "The replica answers again.",
)


class WalPosition(NamedTuple):
    """Up to where a server has written the WAL, or replayed it if it is a standby."""

    is_standby: bool
    database: str
    position: int


def is_configured():
    return REPLICA in connections.settings


def wal_position(alias):
    """Return the `WalPosition` of a server now; one round trip.

    The insert position of the primary is at or after the end of each commit that it has
    acknowledged, also with `synchronous_commit` off.
    """
    is_standby, database, position = read_row(connections[alias], POSITION, [])
    return WalPosition(is_standby, database, position or 0)


def has_own_replica():
    """Return True if the replica is a standby of the primary's database."""
    there, here = wal_position(REPLICA), wal_position(PRIMARY)
    return there.is_standby and there.database == here.database


def is_outage(error):
    """Return True if a failed read of the replica means that it does not answer."""
    is_operational = isinstance(error, OperationalError | InterfaceError)
    return (
        is_operational and getattr(error.__cause__, "sqlstate", None) not in CANCELLED
    )
