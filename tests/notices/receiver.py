"""A receiver of webhooks, over TLS, that can misbehave."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Answers with `status`, and keeps what arrived in `received`."""

    daemon_threads = True

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.status, self.received, self.drips = 200, [], threading.Event()
        self.location = ""

    def handle_error(self, request, client_address):
        """Clients that refuse the certificate, or leave, are part of the tests."""

    @property
    def port(self):
        return self.server_address[1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.received.append((self.path, dict(self.headers), body))
        if server.drips.is_set():
            while server.drips.is_set():
                self.wfile.write(b"H")
                self.wfile.flush()
                server.drips.wait(0.05)
            return
        self.send_response(server.status)
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", "1000000000")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def log_message(self, *arguments):
        pass


def serve(context):
    """Start a receiver and return it."""
    receiver = Receiver(context)
    threading.Thread(target=receiver.serve_forever, args=[0.02], daemon=True).start()
    return receiver


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
