"""A server that hangs is not called again at once; other servers are."""

import psycopg
import pytest

from echopoint.core.postgresql.base import SILENT, AnsweringConnection
from tests.gunicorn_site import free_port


@pytest.fixture
def silent(monkeypatch):
    """Return the port of a server that did not answer in time."""
    monkeypatch.setattr(AnsweringConnection, "silent_until", {})
    monkeypatch.setattr(AnsweringConnection, "answer_seconds", 1)
    port = free_port()
    AnsweringConnection.note_silence(("127.0.0.1", port, None))
    return port


def refusal_of(port):
    with pytest.raises(psycopg.OperationalError) as refused:
        AnsweringConnection.connect(host="127.0.0.1", port=port, dbname="any")
    return str(refused.value)


def test_a_silent_server_is_not_called(silent):
    assert refusal_of(silent) == SILENT


def test_another_server_is_called(silent):
    assert SILENT not in refusal_of(free_port())
