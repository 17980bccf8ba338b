"""Which reads may use the replica, and what happens when it fails.

Lists, the audit and exports do. Authentication, limits, forms, and whatever is read to be
changed do not: they never come here, and their queries name no database.

A list shows every change that a request made before it in the same organization: the replica
is used once it has replayed the position that such a request left (see `positions`).
Otherwise, and whenever the replica or Redis fails, the primary is read.
"""

import logging
from enum import StrEnum
from functools import wraps

from django.db import Error

from echopoint.core.metrics import metrics
from echopoint.core.redis_cache import RedisUnavailable
from echopoint.core.replica import positions
from echopoint.core.replica.positions import ForeignReplica
from echopoint.core.replica.servers import (
    PRIMARY,
    REPLICA,
    circuit_breaker,
    is_configured,
    is_outage,
    wal_position,
)
from echopoint.core.replica.writes import has_written, unkept

logger = logging.getLogger(__name__)


class ReplicaState(StrEnum):
    """Whether a read uses the replica, or why it does not."""

    USED = "used"
    WRITTEN = "written"  # this request has changed rows
    AWAY = "away"  # it did not answer, now or seconds ago
    FOREIGN = "foreign"  # it is not a standby of this database
    UNKNOWN = "unknown"  # Redis, which has the positions, does not answer
    BEHIND = "behind"  # it has not replayed the position
    FAILED = "failed"  # it failed while it was read


def read(work, *subjects):
    """Return `work(alias)`, with the alias of the replica if it may be read.

    subjects  ids of the organization and the person whose changes must be seen

    `work` must do nothing but read. If the replica fails, it is called again, with the
    primary. Instances of the replica cannot be saved (see `router`).
    """
    if not is_configured():
        return work(PRIMARY)
    state = state_for(*subjects)
    if state == ReplicaState.USED:
        try:
            result = work(REPLICA)
        except Error as error:
            record_failure(error)
            state = ReplicaState.FAILED
    metrics.count_replica_read(state)
    return result if state == ReplicaState.USED else work(PRIMARY)


def state_for(*subjects):
    """Return whether the replica has all changes of the subjects, as a `ReplicaState`."""
    if has_written():
        return ReplicaState.WRITTEN
    if not circuit_breaker.allows_call():
        return ReplicaState.AWAY
    try:
        there = wal_position(REPLICA)
    except Error as error:
        record_failure(error)
        return ReplicaState.AWAY
    circuit_breaker.record_success()
    if not there.is_standby:
        return ReplicaState.FOREIGN
    try:
        unkept.keep()
        required = positions.required(there.database, subjects)
    except ForeignReplica:
        return ReplicaState.FOREIGN
    except (RedisUnavailable, Error):
        return ReplicaState.UNKNOWN
    return ReplicaState.USED if there.position >= required else ReplicaState.BEHIND


def record_failure(error):
    if is_outage(error):
        circuit_breaker.record_failure(error)
    else:
        # Only the class: the message may contain values of a row.
        cause = type(error.__cause__ or error).__name__
        logger.warning(
            "A read of the replica failed (%s); repeated on the primary.", cause
        )


class ReplicaReads:
    """A view with actions that may read the replica.

    Its querysets begin with `.using(self.database)`.
    """

    database = PRIMARY

    def replica_subjects(self):
        """Return the ids of the organization, and the person, whose changes must be seen."""
        raise NotImplementedError

    def read_replica(self, work):
        """Return `work()`, during which `database` may be the replica; see `read`."""
        before = dict(vars(self))

        def work_with(database):
            # Forget what a failed attempt cached in the view.
            vars(self).clear()
            vars(self).update(before, database=database)
            return work()

        return read(work_with, *self.replica_subjects())


def from_replica(action):
    """Let an action of a `ReplicaReads` view read the replica. It must only read."""

    @wraps(action)
    def reading(view, *args, **kwargs):
        view.only_reads = True
        return view.read_replica(lambda: action(view, *args, **kwargs))

    return reading
