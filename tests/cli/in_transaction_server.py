"""The real server for a test that speaks to it over HTTP.

pytest-django's own would empty the tables after each test, which the audit table
refuses. This one works in the test's transaction, which is rolled back as ever.
"""

import threading
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections

SIGNALS = [request_started, request_finished]


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *arguments):
        """Say nothing."""


class Application(WSGIHandler):
    """Keeps the connection open, which a request would close, and the test's
    transaction with it."""

    def __call__(self, environ, start_response):
        # Each time, as Django's test client connects them again.
        for signal in SIGNALS:
            signal.disconnect(close_old_connections)
        return super().__call__(environ, start_response)


@contextmanager
def serving():
    """Yield the server's URL. While it answers, the test must not use the database."""
    connection = connections["default"]
    server = make_server("127.0.0.1", 0, Application(), handler_class=Quiet)

    def serve():
        connections["default"] = connection
        server.serve_forever(0.05)

    thread = threading.Thread(target=serve, daemon=True)
    connection.inc_thread_sharing()
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        for signal in SIGNALS:
            signal.connect(close_old_connections)
        server.shutdown()
        server.server_close()
        thread.join()
        connection.dec_thread_sharing()
