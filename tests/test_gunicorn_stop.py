"""A server that stops answers what it has accepted, and refuses later connections."""

import signal
import socket
import time
import urllib.request

import pytest

from tests.faults.services import answers, until
from tests.gunicorn_site import free_port, served

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def slow_request(tmp_path, running_site):
    """Yield (server, port, connection) with a request whose end has not come yet."""
    with running_site(tmp_path) as site:
        port = free_port()
        with (
            served(site.environment, port) as server,
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60),
            socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
        ):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            time.sleep(1)  # until a worker reads it
            yield server, port, connection


def test_a_stopping_server_refuses_while_it_answers(slow_request):
    server, port, connection = slow_request
    server.send_signal(signal.SIGTERM)
    # A process that is still starting stops when it has started.
    until(lambda: not answers(port), "New connections are not refused.", seconds=15)
    assert server.poll() is None
    connection.sendall(b"Connection: close\r\n\r\n")
    answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200"), answer
