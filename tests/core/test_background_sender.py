"""The thread that sends what is queued: when it starts, and what it survives."""

from threading import Event

import pytest
from django.db import OperationalError

from echopoint.core import context
from echopoint.core.background_sender import BackgroundSender

HOUR = 3600


@pytest.fixture
def sent():
    return Event()


@pytest.fixture
def sender(sent, settings):
    settings.SENDER_POLL_SECONDS = HOUR
    return BackgroundSender("test", sent.set, lambda: True)


def test_it_sends_at_once_when_it_is_woken(sender, sent):
    sender.wake()

    assert sent.wait(60)


def test_a_command_leaves_the_sending_to_the_servers(sender, sent):
    with context.set_command("notify_expiring_keys"):
        sender.wake()
    assert sender._thread is None

    sender.wake()

    assert sent.wait(60)


def test_what_is_not_wanted_has_no_thread(sender):
    sender.is_wanted = lambda: False

    sender.wake()

    assert sender._thread is None


def test_a_failing_database_does_not_end_the_thread(caplog):
    def fail():
        raise OperationalError("the server closed the connection")

    BackgroundSender("mail", fail, lambda: True).send_due()

    assert "mail: delayed" in caplog.text
