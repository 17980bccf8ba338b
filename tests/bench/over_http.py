"""Requests per second over HTTP: gunicorn with 2 workers, 8 connections, PostgreSQL.

Prints rows as JSON. The contenders take turns, so that each meets the same noise.
"""

import os
import selectors
import socket
import statistics
import subprocess
import sys
import time

import django

CONNECTIONS = 8
TURNS = 12
SECONDS = 1.5  # of each turn
GOAL = 0.50
BODY = b'{"ok":true}'


def requests_per_second(port, path, headers, seconds):
    """Send requests over all connections for some seconds; return the rate.

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
    while (elapsed := time.perf_counter() - begun) < seconds:
        for key, _ in selector.select(1):
            answer = key.data
            answer += key.fileobj.recv(65536)
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


def serve(port, environment):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "echopoint.wsgi"),
            *("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"),
            *("--keep-alive", "60", "--log-level", "warning"),
        ],
        env=environment,
    )


def wait_for(port, server):
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("The server did not start.")


def measure(port, turns, seconds):
    """Return {contender: requests per second of each turn}."""
    from tests.bench.contenders import CONTENDERS, OURS

    headers = {contender.name: contender.headers() for contender in CONTENDERS}
    # With the headers of a key, all of them skip the middleware of pages, and the views
    # differ by nothing but their authentication.
    shared = headers[OURS]
    rates = {contender.name: [] for contender in CONTENDERS}
    for turn in range(turns + 1):
        for contender in CONTENDERS:
            sent = shared | headers[contender.name]
            path = f"/bench/{contender.path}"
            rate = requests_per_second(port, path, sent, seconds)
            if turn:  # the first one warms up
                rates[contender.name].append(rate)
    return rates


def rows(rates):
    from tests.bench.contenders import NO_AUTHENTICATION, OURS
    from tests.bench.results import Row

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


def main(turns):
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from tests.bench.results import dump
    from tests.gunicorn_site import free_port

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        config, port = connection.settings_dict, free_port()
        place = f"{config['HOST'] or '127.0.0.1'}:{config['PORT'] or 5432}"
        environment = os.environ | {
            "DATABASE_URL": f"postgres://{config['USER']}@{place}/{config['NAME']}",
            "DJANGO_SETTINGS_MODULE": "tests.bench.http_settings",
        }
        server = serve(port, environment)
        try:
            wait_for(port, server)
            sys.stdout.write(dump(rows(measure(port, turns, SECONDS))))
        finally:
            server.terminate()
            server.wait(20)
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
