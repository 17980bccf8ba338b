"""The real server for a test that speaks to it over HTTP.

pytest-django's own would empty the tables after each test, which the audit table
refuses. This one works in the test's transaction, which is rolled back as ever.
"""

import threading
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.handlers.wsgi import WSGIHandler
from django.db import connections


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *arguments):
        """Say nothing."""


@contextmanager
def serving():
    """Yield the server's URL. While it answers, the test must not use the database."""
    connection = connections["default"]
    server = make_server("127.0.0.1", 0, WSGIHandler(), handler_class=Quiet)

    def serve():
        connections["default"] = connection
        server.serve_forever(0.05)

    thread = threading.Thread(target=serve, daemon=True)
    connection.inc_thread_sharing()
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        connection.dec_thread_sharing()
