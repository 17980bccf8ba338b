"""GitHub as the tests play it: keys, signatures, and a server that publishes the keys."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class SigningKey:
    """A key pair of the curve P-256, with the identifier under which it is published."""

    def __init__(self, identifier="key-1", curve=None):
        self.identifier = identifier
        self.private = ec.generate_private_key(curve or ec.SECP256R1())

    def entry(self):
        pem = self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "key_identifier": self.identifier,
            "key": pem.decode(),
            "is_current": True,
        }

    def sign(self, body):
        """Return the base64 of the DER signature."""
        return base64.b64encode(self.private.sign(body, ec.ECDSA(SHA256()))).decode()

    def headers(self, body):
        return {
            "Github-Public-Key-Identifier": self.identifier,
            "Github-Public-Key-Signature": self.sign(body),
        }


class KeyServer:
    """Publishes keys on 127.0.0.1; `body` and `status` can be replaced, `hits` counts."""

    def __init__(self, *keys):
        self.status, self.hits = 200, 0
        self.publish(*keys)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.hits += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *args):
                """Keep the output of the tests clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # `close` waits for a whole poll.
        serve = self.server.serve_forever
        self.thread = threading.Thread(target=serve, args=[0.02], daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/keys"

    def publish(self, *keys):
        self.body = json.dumps({"public_keys": [key.entry() for key in keys]}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
