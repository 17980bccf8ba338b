"""The replica is read if it has what was written; otherwise, and if it fails, the primary."""

import pytest
from django.db import OperationalError, ProgrammingError

from echopoint.core.metrics import Metrics
from echopoint.core.replica import reads
from echopoint.core.replica.reads import ReplicaReads, ReplicaState, from_replica, read
from echopoint.core.replica.servers import PRIMARY, REPLICA


def test_without_a_replica_the_primary_is_read():
    assert read(lambda alias: alias, "org_a") == PRIMARY


def test_a_replica_that_has_everything_is_read(replica):
    assert replica.read_with("org_a") == REPLICA


@pytest.mark.parametrize("subject", ["org_a", "user_a", "everyone"])
def test_what_was_written_before_must_be_replayed(replica, subject):
    replica.read_with()  # sets the baseline
    replica.write(subject)

    assert replica.read_with("org_a", "user_a") == PRIMARY
    replica.replayed = replica.primary - 1
    assert replica.read_with("org_a", "user_a") == PRIMARY
    replica.replayed = replica.primary
    assert replica.read_with("org_a", "user_a") == REPLICA


def test_the_writes_of_others_need_not_be_replayed(replica):
    replica.read_with()
    replica.write("org_b")
    replica.write("user_b")

    assert replica.read_with("org_a", "user_a") == REPLICA


def test_the_latest_of_several_writes_counts(replica):
    replica.read_with()
    replica.write("org_a")
    earlier = replica.primary
    replica.write("user_a")
    replica.replayed = earlier

    assert replica.read_with("org_a") == REPLICA
    assert replica.read_with("org_a", "user_a") == PRIMARY


def test_what_redis_has_lost_must_be_replayed_too(replica):
    replica.read_with()
    replica.write("org_a")
    replica.redis.clear()

    assert replica.read_with("org_a") == PRIMARY
    assert replica.read_with("org_b") == PRIMARY
    replica.replayed = replica.primary
    assert replica.read_with("org_a") == REPLICA


def test_the_baseline_limits_the_age_of_every_list(replica):
    replica.read_with()
    replica.primary += 10
    assert replica.read_with("org_a") == REPLICA

    del replica.redis[next(name for name in replica.redis if "baseline" in name)]

    assert replica.read_with("org_a") == PRIMARY


def test_without_redis_the_primary_is_read(replica):
    replica.redis_answers = False

    assert reads.state_for("org_a") == ReplicaState.UNKNOWN
    assert replica.read_with("org_a") == PRIMARY


def test_a_write_that_redis_did_not_keep_must_be_replayed(replica):
    replica.read_with()
    replica.redis_answers = False
    replica.write("org_a")
    replica.redis_answers = True

    # For everyone: the next reads may be those of other processes.
    assert replica.read_with("org_b") == PRIMARY
    assert replica.kept() == {"everyone"}
    replica.replayed = replica.primary
    assert replica.read_with("org_a") == REPLICA


def test_a_server_that_replays_nothing_is_not_read(replica):
    replica.is_standby = False

    assert reads.state_for() == ReplicaState.FOREIGN
    assert replica.read_with() == PRIMARY


def test_a_replica_of_another_database_is_not_read(replica):
    replica.read_with()
    replica.database = "7712955803615963262/6"

    assert reads.state_for() == ReplicaState.FOREIGN
    assert replica.read_with() == PRIMARY


def test_a_replica_that_does_not_answer_is_skipped_for_a_while(replica):
    with replica.outage():
        assert replica.read_with() == PRIMARY

    assert reads.state_for() == ReplicaState.AWAY
    assert replica.read_with() == PRIMARY
    reads.circuit_breaker.retry_at = 0
    assert replica.read_with() == REPLICA


def test_a_conflict_when_it_is_asked_for_its_position_skips_no_other_read(replica):
    with replica.outage("40001"):
        assert replica.read_with() == PRIMARY

    assert replica.read_with() == REPLICA


def failing(error):
    """Return a work that fails on the replica, and the aliases it was called with."""
    aliases = []

    def work(alias):
        aliases.append(alias)
        if alias == REPLICA:
            raise error
        return "read"

    return work, aliases


def caused_by(sqlstate):
    error = OperationalError("it failed")
    error.__cause__ = Exception()
    error.__cause__.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("error", "skipped"),
    [
        (OperationalError("the server closed the connection"), True),
        (caused_by("57P01"), True),  # shut down
        (caused_by("53300"), True),  # no free connection
        (caused_by("40001"), False),  # conflict with recovery
        (caused_by("57014"), False),  # statement timeout
        (ProgrammingError("no such column: its migration is not replayed"), False),
    ],
    ids=["closed", "shut down", "full", "conflict", "timeout", "migration"],
)
def test_a_read_that_fails_is_repeated_on_the_primary(replica, error, skipped, caplog):
    work, aliases = failing(error)

    assert read(work) == "read"

    assert aliases == [REPLICA, PRIMARY]
    assert (reads.state_for() == ReplicaState.AWAY) is skipped
    assert len(caplog.records) == 1
    assert str(error) not in caplog.text


def test_an_error_that_is_not_the_databases_is_raised(replica):
    work, aliases = failing(LookupError("no such page"))

    with pytest.raises(LookupError):
        read(work)
    assert aliases == [REPLICA]


class View(ReplicaReads):
    """A view whose action remembers something before it fails."""

    def __init__(self, fails):
        self.fails, self.given = fails, "given"

    def replica_subjects(self):
        return ["org_a"]

    @from_replica
    def act(self):
        remembered = vars(self).setdefault("remembered", self.database)
        if self.fails and self.database == REPLICA:
            raise OperationalError("closed")
        return remembered, self.given


@pytest.mark.parametrize(("fails", "alias"), [(False, REPLICA), (True, PRIMARY)])
def test_a_failed_attempt_leaves_nothing_in_the_view(replica, fails, alias):
    assert View(fails).act() == (alias, "given")


def test_reads_are_counted_by_what_was_read_and_why(replica, monkeypatch):
    metrics = Metrics()
    metrics.start()
    monkeypatch.setattr(reads, "metrics", metrics)

    replica.read_with()
    replica.write("org_a")
    replica.read_with("org_a")
    with replica.outage():
        replica.read_with()

    def count(state):
        name = "echopoint_replica_reads_total"
        return metrics.registry.get_sample_value(name, {"replica": state})

    assert [count(state) for state in ("used", "behind", "away")] == [1, 1, 1]
