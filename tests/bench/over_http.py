"""Requests per second over HTTP: gunicorn with 2 workers, 8 connections, PostgreSQL."""

import os
import selectors
import socket
import statistics
import time

from django.db import connection

from tests.bench.contenders import CONTENDERS, NO_AUTHENTICATION, OURS
from tests.bench.results import Row
from tests.gunicorn_site import free_port, served
from tests.temporary_databases import url_of

CONNECTIONS = 8
SECONDS = 1.5  # of each turn
GOAL = 0.50
BODY = b'{"ok":true}'


def requests_per_second(port, path, headers):
    """Send requests over all connections for a turn; return the rate.

    One thread and prepared bytes: a client that works less leaves more to the server.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()
    answered, selector = 0, selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        client = socket.create_connection(("127.0.0.1", port))
        selector.register(client, selectors.EVENT_READ, bytearray())
        client.sendall(request)
    begun = time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < SECONDS:
        for key, _ in selector.select(1):
            answer, part = key.data, key.fileobj.recv(65536)
            if not part:
                raise RuntimeError(f"{path}: the server closed the connection.")
            answer += part
            if not answer.endswith(BODY):
                continue  # gunicorn sends the headers first
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{path}: {answer[:200]!r}")
            answered += 1
            answer.clear()
            key.fileobj.sendall(request)
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    selector.close()
    return answered / elapsed


def measure(turns):
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": url_of(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.bench.http_settings",
    }
    with served(environment, port):
        return rows(rates(port, turns))


def rates(port, turns):
    """Return {contender: requests per second of each turn}."""
    headers = {contender.name: contender.headers() for contender in CONTENDERS}
    # With the headers of a key, all of them skip the middleware of pages, and the views
    # differ by nothing but their authentication.
    shared = headers[OURS]
    found = {contender.name: [] for contender in CONTENDERS}
    for turn in range(turns + 1):
        for contender in CONTENDERS:
            sent = shared | headers[contender.name]
            path = f"/bench/{contender.path}"
            rate = requests_per_second(port, path, sent)
            if turn:  # the first one warms up
                found[contender.name].append(rate)
    return found


def rows(rates):
    group = f"Requests per second over HTTP, PostgreSQL, {CONNECTIONS} connections"
    medians = {name: statistics.median(each) for name, each in rates.items()}
    base = medians.pop(NO_AUTHENTICATION)
    spread = statistics.stdev(rates[NO_AUTHENTICATION]) / base * 100
    best_peer = max(rate for name, rate in medians.items() if name != OURS)
    return [
        Row(group, NO_AUTHENTICATION, base, note=f"noise {spread:.0f} %"),
        *(Row(group, name, rate) for name, rate in medians.items()),
        Row(
            group,
            "our share of no authentication",
            medians[OURS] / base,
            "",
            ">=",
            GOAL,
        ),
        Row(group, "ours ÷ the fastest peer", medians[OURS] / best_peer, "", ">=", 1),
    ]
