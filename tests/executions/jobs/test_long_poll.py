"""Long polling: its time, its slots, wakeups and disconnects."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connection

from echopoint.executions.jobs import long_poll
from echopoint.executions.jobs.long_poll import (
    LongPoll,
    is_disconnected,
    poll_seconds,
)

SOON = 5  # seconds; far below the poll interval of the `patience` fixture


def stays():
    return False


@pytest.fixture
def poller(monkeypatch):
    """Return a long poll that polls more often than that of the site."""
    monkeypatch.setattr(long_poll, "POLL_INTERVAL", (0.2, 0.3))
    return LongPoll()


@pytest.fixture
def patience(poller, monkeypatch):
    """Disable the regular polls: only a wakeup makes a waiting request poll again."""
    monkeypatch.setattr(long_poll, "POLL_INTERVAL", (20, 20))


class Polls:
    """A poll function that returns the `answers` one by one, and then None."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def waiting(poller):
    """Return a function that starts a waiting thread: (thread, list of its result)."""
    threads = []

    def waiting(poll, seconds=10):
        found = []
        thread = threading.Thread(
            target=lambda: found.append(
                poller.wait_for(poll, seconds=seconds, is_gone=stays)
            )
        )
        thread.start()
        threads.append(thread)
        until = time.monotonic() + 5
        while poll.count == 0 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05)
        return thread, found

    yield waiting
    poller.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_request_that_finds_a_job_does_not_wait(poller, patience):
    poll = Polls("job")
    began = time.monotonic()

    assert poller.wait_for(poll, seconds=30, is_gone=stays) == "job"
    assert time.monotonic() - began < SOON
    assert poll.count == 1


def test_a_request_with_zero_seconds_polls_once(poller):
    poll = Polls(None, "job")

    assert poller.wait_for(poll, seconds=0, is_gone=stays) is None
    assert poll.count == 1


def test_a_waiting_request_polls_until_its_time_is_over(poller):
    poll = Polls()
    began = time.monotonic()

    assert poller.wait_for(poll, seconds=0.4, is_gone=stays) is None
    assert 0.4 <= time.monotonic() - began < 3
    assert 2 <= poll.count <= 4


def test_a_waiting_request_finds_a_later_job(poller):
    assert poller.wait_for(Polls(None, "job"), seconds=5, is_gone=stays) == "job"


def test_a_wakeup_makes_a_waiting_request_poll_at_once(poller, waiting, patience):
    thread, found = waiting(Polls(None, "job"), seconds=30)
    began = time.monotonic()

    poller.wake()
    thread.join(30)

    assert found == ["job"]
    assert time.monotonic() - began < SOON


def test_a_wakeup_between_the_poll_and_the_sleep_is_not_lost(poller, patience):
    poll = Polls(None, "job")

    def poll_and_wake():
        found = poll()
        if poll.count == 1:
            poller.wake()
        return found

    began = time.monotonic()

    assert poller.wait_for(poll_and_wake, seconds=30, is_gone=stays) == "job"
    assert time.monotonic() - began < SOON


def test_waiting_ends_when_the_poll_is_closed(poller, waiting):
    poll = Polls(*[None] * 20, "too late")
    thread, found = waiting(poll)
    began = time.monotonic()

    poller.close()
    thread.join(5)

    assert found == [None]
    assert time.monotonic() - began < 3


def test_polling_stops_once_the_client_is_gone(poller):
    poll = Polls(None, "lost")

    assert poller.wait_for(poll, seconds=5, is_gone=lambda: True) is None
    assert poll.count == 1


def test_a_request_without_a_slot_polls_once(poller, waiting, settings):
    settings.RUNNER_MAX_WAITING = 1
    first, _ = waiting(Polls(None, "job"))
    poll = Polls(None, "job")

    assert poller.wait_for(poll, seconds=5, is_gone=stays) is None
    assert poll.count == 1

    poller.wake()
    first.join(5)
    assert poller.wait_for(Polls(None, "job"), seconds=5, is_gone=stays) == "job"


def test_a_failing_poll_releases_its_slot(poller, settings):
    settings.RUNNER_MAX_WAITING = 1
    answers = Polls(None)

    def fail_later():
        found = answers()
        if answers.count > 1:
            raise ValueError("stopped")
        return found

    with pytest.raises(ValueError, match="stopped"):
        poller.wait_for(fail_later, seconds=5, is_gone=stays)

    assert poller.wait_for(Polls(None, "job"), seconds=5, is_gone=stays) == "job"


@pytest.mark.postgresql
@pytest.mark.usefixtures("committing")
def test_no_connection_is_held_between_two_polls(poller):
    held = []

    def poll():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "job" if held else None

    def is_gone():
        held.append(connection.connection is not None)
        return False

    assert poller.wait_for(poll, seconds=5, is_gone=is_gone) == "job"
    assert held == [False]


@pytest.mark.django_db
def test_a_connection_in_a_transaction_is_left_alone(poller):
    assert connection.in_atomic_block

    poller.wait_for(Polls(), seconds=0.01, is_gone=stays)

    with connection.cursor() as cursor:
        assert cursor.execute("SELECT 1")


@pytest.mark.parametrize(("threads", "seconds"), [(True, 33), (False, 0)])
def test_a_request_waits_only_where_there_are_other_threads(
    rf, settings, threads, seconds
):
    settings.RUNNER_POLL_SECONDS = 33

    request = rf.post("/runner/jobs/next", **{"wsgi.multithread": threads})

    assert poll_seconds(request) == seconds


class TestHangingUp:
    @pytest.fixture
    def ends(self):
        ours, theirs = socket.socketpair()
        yield ours, theirs
        ours.close()
        theirs.close()

    def asked(self, connection):
        return is_disconnected(SimpleNamespace(META={"gunicorn.socket": connection}))

    def test_a_silent_client_is_connected(self, ends):
        assert not self.asked(ends[0])

    def test_a_client_that_sent_more_is_connected_and_its_bytes_stay_unread(self, ends):
        ours, theirs = ends
        theirs.send(b"next")

        assert not self.asked(ours)
        assert ours.recv(4) == b"next"

    def test_a_client_that_closed_is_disconnected(self, ends):
        ours, theirs = ends
        theirs.close()

        assert self.asked(ours)

    def test_a_closed_socket_is_disconnected(self, ends):
        ours, _ = ends
        ours.close()

        assert self.asked(ours)

    def test_a_request_without_a_socket_counts_as_connected(self, rf):
        assert not is_disconnected(rf.post("/runner/jobs/next"))
