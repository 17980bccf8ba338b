"""Waiting for a job: how long, how many, and what ends it."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connection

from echopoint.executions.jobs import long_poll
from echopoint.executions.jobs.long_poll import (
    POLL_INTERVAL,
    LongPoll,
    is_disconnected,
    poll_seconds,
)

SOON = 5  # seconds; long before anyone looks again who is patient


def stays():
    return False


@pytest.fixture
def room():
    return LongPoll()


@pytest.fixture
def patience(monkeypatch):
    """Let nobody look again by themselves while a test runs."""
    monkeypatch.setattr(long_poll, "POLL_INTERVAL", (20, 20))


class Looks:
    """A look that finds what `answers` say, one after the other, and then nothing."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def waiting(room):
    """Return a starter of threads that wait: (thread, what it found)."""
    threads = []

    def waiting(look, seconds=10):
        found = []
        thread = threading.Thread(
            target=lambda: found.append(
                room.wait_for(look, seconds=seconds, is_gone=stays)
            )
        )
        thread.start()
        threads.append(thread)
        until = time.monotonic() + 5
        while look.count == 0 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05)
        return thread, found

    yield waiting
    room.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_who_finds_something_does_not_wait(room, patience):
    look = Looks("job")
    began = time.monotonic()

    assert room.wait_for(look, seconds=30, is_gone=stays) == "job"
    assert time.monotonic() - began < SOON
    assert look.count == 1


def test_who_may_not_wait_looks_once(room):
    look = Looks(None, "job")

    assert room.wait_for(look, seconds=0, is_gone=stays) is None
    assert look.count == 1


def test_who_waits_looks_again_until_the_time_is_over(room):
    look = Looks()
    began = time.monotonic()

    assert room.wait_for(look, seconds=1.5, is_gone=stays) is None
    assert 1.5 <= time.monotonic() - began < 4
    assert 2 <= look.count <= 4


def test_who_waits_finds_what_comes_meanwhile(room):
    assert room.wait_for(Looks(None, "job"), seconds=5, is_gone=stays) == "job"


def test_a_call_lets_who_waits_look_at_once(room, waiting, patience):
    thread, found = waiting(Looks(None, "job"), seconds=30)
    began = time.monotonic()

    room.wake()
    thread.join(30)

    assert found == ["job"]
    assert time.monotonic() - began < SOON


def test_a_call_between_the_look_and_the_wait_is_heard(room, patience):
    look = Looks(None, "job")

    def look_and_call():
        found = look()
        if look.count == 1:
            room.wake()
        return found

    began = time.monotonic()

    assert room.wait_for(look_and_call, seconds=30, is_gone=stays) == "job"
    assert time.monotonic() - began < SOON


def test_nobody_waits_once_it_is_closed(room, waiting):
    look = Looks(None, None, None, None, "too late")
    thread, found = waiting(look)
    began = time.monotonic()

    room.close()
    thread.join(5)

    assert found == [None]
    assert time.monotonic() - began < POLL_INTERVAL[1] + 3


def test_nothing_is_looked_for_once_the_client_is_gone(room):
    look = Looks(None, "lost")

    assert room.wait_for(look, seconds=5, is_gone=lambda: True) is None
    assert look.count == 1


def test_who_finds_no_seat_looks_once(room, waiting, settings):
    settings.RUNNER_MAX_WAITING = 1
    seated, _ = waiting(Looks(None, "job"))
    look = Looks(None, "job")

    assert room.wait_for(look, seconds=5, is_gone=stays) is None
    assert look.count == 1

    room.wake()
    seated.join(5)
    assert room.wait_for(Looks(None, "job"), seconds=5, is_gone=stays) == "job"


def test_a_look_that_fails_gives_its_seat_back(room, settings):
    settings.RUNNER_MAX_WAITING = 1
    answers = Looks(None)

    def fail_later():
        found = answers()
        if answers.count > 1:
            raise ValueError("stopped")
        return found

    with pytest.raises(ValueError, match="stopped"):
        room.wait_for(fail_later, seconds=5, is_gone=stays)

    assert room.wait_for(Looks(None, "job"), seconds=5, is_gone=stays) == "job"


@pytest.mark.postgresql
@pytest.mark.usefixtures("committing")
def test_no_connection_is_held_between_two_looks(room):
    held = []

    def look():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "job" if held else None

    def is_gone():
        held.append(connection.connection is not None)
        return False

    assert room.wait_for(look, seconds=5, is_gone=is_gone) == "job"
    assert held == [False]


@pytest.mark.django_db
def test_a_connection_in_a_transaction_is_left_alone(room):
    assert connection.in_atomic_block

    room.wait_for(Looks(), seconds=0.01, is_gone=stays)

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

    def test_a_client_that_is_silent_is_there(self, ends):
        assert not self.asked(ends[0])

    def test_a_client_that_sent_more_is_there_and_nothing_is_taken(self, ends):
        ours, theirs = ends
        theirs.send(b"next")

        assert not self.asked(ours)
        assert ours.recv(4) == b"next"

    def test_a_client_that_closed_is_gone(self, ends):
        ours, theirs = ends
        theirs.close()

        assert self.asked(ours)

    def test_a_connection_that_is_no_more_is_gone(self, ends):
        ours, _ = ends
        ours.close()

        assert self.asked(ours)

    def test_without_a_socket_nobody_is_taken_for_gone(self, rf):
        assert not is_disconnected(rf.post("/runner/jobs/next"))
