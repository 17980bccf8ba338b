"""A real HTTP(S) server on 127.0.0.1. The path of a request selects its behaviour.

GET /echo                     what was asked, as JSON: method, path, query, headers, body
GET /status/503               that status, with an empty JSON object
GET /answer?type=T&body=B     200 with this content type and body
GET /headers?name=X&value=V   200, or `status`, with this header, as often as it is named
GET /redirect/3               three redirects, then /echo
GET /redirect-to?url=U&status=307
GET /loop                     a redirect to itself
GET /silent                   the request is taken, and nothing is ever answered
GET /drip                     headers at once, then a byte every 50 ms without end
GET /endless                  a body without end, as quick as it goes
GET /bomb?size=N&times=2      N zero bytes, compressed that many times
GET /half                     fewer bytes than Content-Length says, then the end
GET /hang-up                  the connection ends without an answer
GET /garbage                  something that is not HTTP
GET /slow?ms=200              /echo, after a while
"""

import contextlib
import gzip
import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# The limit of endless responses: a client that stays connected must not block a thread.
LONGEST = 60  # seconds
BLOCK = b"x" * 65536


class Handler(BaseHTTPRequestHandler):
    """Records a request, and responds as its path requests."""

    protocol_version = "HTTP/1.1"
    # A client that hangs up is part of the tests, not worth a line.
    timeout = LONGEST

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.parts = urlsplit(self.path)
        self.query = dict(parse_qsl(self.parts.query))
        self.server.service.seen.append(self.request_document())
        name, _, rest = self.parts.path.strip("/").partition("/")
        act = getattr(self, f"do_{name.replace('-', '_')}", None) or self.not_found
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            act(rest)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def request_document(self):
        """Return the request as a JSON document."""
        return {
            "method": self.command,
            "path": self.parts.path,
            "query": parse_qs(self.parts.query, keep_blank_values=True),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode(errors="replace"),
        }

    def answer(self, body=b"", *, status=200, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def not_found(self, rest):
        self.answer(b'{"error": "not found"}', status=404)

    def do_echo(self, rest):
        self.answer(json.dumps(self.request_document()).encode(), X_Echo="yes")

    def do_slow(self, rest):
        self.pause(int(self.query.get("ms", 200)) / 1000)
        self.do_echo(rest)

    def do_status(self, rest):
        self.answer(b"" if rest in ("204", "304") else b"{}", status=int(rest))

    def do_answer(self, rest):
        body = self.query.get("body", "").encode()
        self.answer(body or self.body, kind=self.query.get("type", "text/plain"))

    def do_headers(self, rest):
        self.send_response(int(self.query.get("status", 200)))
        pairs = parse_qsl(self.parts.query, keep_blank_values=True)
        names = [value for name, value in pairs if name == "name"]
        values = [value for name, value in pairs if name == "value"]
        for name, value in zip(names, values, strict=True):
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_redirect(self, rest):
        left = int(rest) - 1
        self.redirect(f"/redirect/{left}" if left else "/echo")

    def do_redirect_to(self, rest):
        self.redirect(self.query["url"], int(self.query.get("status", 302)))

    def do_loop(self, rest):
        self.redirect("/loop")

    def redirect(self, where, status=302):
        self.answer(status=status, Location=where)

    def do_silent(self, rest):
        self.pause(LONGEST)
        self.close_connection = True

    def do_drip(self, rest):
        self.start_endless()
        for _ in range(LONGEST * 20):
            self.wfile.write(b"1\r\n.\r\n")
            if self.pause(0.05):
                return

    def do_endless(self, rest):
        self.start_endless()
        block = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK)
        while not self.server.service.closing.is_set():
            self.wfile.write(block)

    def start_endless(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def do_bomb(self, rest):
        times = int(self.query.get("times", 1))
        body = b"\0" * int(self.query.get("size", 1000))
        for _ in range(times):
            body = gzip.compress(body)
        self.answer(
            body, kind="text/plain", Content_Encoding=", ".join(["gzip"] * times)
        )

    def do_half(self, rest):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"the first half")

    def do_hang_up(self, rest):
        self.close_connection = True

    def do_garbage(self, rest):
        self.close_connection = True
        self.wfile.write(b"\x00\x01 this is not HTTP \xff\r\n\r\n")

    def pause(self, seconds):
        """Wait, or return True at once when the service closes."""
        return self.server.service.closing.wait(seconds)

    def log_message(self, *args):
        """Log nothing: requests are in `seen`."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Log nothing: tests close connections and refuse certificates."""


class Service:
    """A running server with its `url`, and the requests so far in `seen`."""

    def __init__(self, certificate=None, trusts=None):
        """Serve over TLS if a certificate is given; `trusts` is the CA of client certificates."""
        self.seen = []
        self.closing = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.service = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            if trusts:
                context.load_verify_locations(trusts)
                context.verify_mode = ssl.CERT_REQUIRED
            # The handshake runs in the thread of the connection, not in the accept loop.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.closing.set()
        self.server.shutdown()
        self.thread.join(timeout=5)
        self.server.server_close()


def closed_port():
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def self_signed(path):
    """Write a self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
