"""Signatures of GitHub's secret scanning partner program.

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partner-program

GitHub signs the raw body with ECDSA (P-256, SHA-256) and publishes its public keys as JSON:
`{"public_keys": [{"key_identifier", "key": PEM}]}`.
"""

import base64
import binascii
import json
import logging
import threading
import time
from http import HTTPStatus

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings

from echopoint.core.refusals import Refused

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_FETCHES = 60
# Seconds after which a key that GitHub has withdrawn is refused.
MAX_AGE = 24 * 60 * 60
FETCH_SECONDS = 5
MAX_BYTES = 256 * 1024  # of the published keys
# Not compressed: a few bytes could be expanded to many.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class SignatureRefused(Refused):
    """The request is not signed by GitHub."""

    code = "SIGNATURE_INVALID"


class KeysUnavailable(Refused):
    """GitHub's public keys could not be fetched; the sender can try again."""

    code = "UNAVAILABLE"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    wait = SECONDS_BETWEEN_FETCHES


class FetchFailed(Exception):
    """The published keys could not be read; the message says why."""


def verify(body, identifier, signature):
    """Raise `SignatureRefused` unless the key with this identifier signed the bytes.

    `signature` is the base64 of a DER signature. Raise `KeysUnavailable` if the key is not
    known and cannot be fetched.
    """
    if not identifier or not signature:
        raise SignatureRefused(
            "Sign the body, and send Github-Public-Key-Identifier and"
            " Github-Public-Key-Signature."
        )
    key = published_keys.get(identifier)
    if key is None:
        raise SignatureRefused(
            "No published key has this Github-Public-Key-Identifier."
        )
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, body, ec.ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        raise SignatureRefused(
            "Github-Public-Key-Signature is not the signature of this body."
        ) from None


class PublishedKeys:
    """The public keys of GitHub, cached in the process.

    They are fetched again if they are a day old, and for an unknown identifier, at most
    once a minute, because any client can send one.
    """

    def __init__(self, clock=time.monotonic):
        self._lock = threading.Lock()
        self._clock = clock
        self.clear()

    def clear(self):
        self._url, self._keys = None, {}
        self._fetched_at = self._tried_at = None

    def get(self, identifier):
        """Return the key, or None; raise `KeysUnavailable` if no current keys are known."""
        with self._lock:
            if self._url != settings.GITHUB_SECRET_SCANNING_KEYS_URL:
                self.clear()
                self._url = settings.GITHUB_SECRET_SCANNING_KEYS_URL
            if self._is_old(self._fetched_at, MAX_AGE) or identifier not in self._keys:
                self._fetch_if_due()
            if self._is_old(self._fetched_at, MAX_AGE):
                raise KeysUnavailable(
                    "GitHub's public keys are not available. Send the report again."
                )
            return self._keys.get(identifier)

    def _is_old(self, at, seconds):
        return at is None or self._clock() - at >= seconds

    def _fetch_if_due(self):
        if not self._is_old(self._tried_at, SECONDS_BETWEEN_FETCHES):
            return
        self._tried_at = self._clock()
        try:
            self._keys = parse(fetch(self._url))
        except FetchFailed as error:
            logger.warning("GitHub's public keys could not be fetched: %s", error)
        else:
            self._fetched_at = self._clock()


published_keys = PublishedKeys()


def fetch(url):
    """Return the bytes at the URL; raise `FetchFailed`. Bounded in time and size."""
    ends_at = time.monotonic() + FETCH_SECONDS
    body = b""
    try:
        with (
            httpx.Client(timeout=FETCH_SECONDS, follow_redirects=False) as client,
            client.stream("GET", url, headers=HEADERS) as answer,
        ):
            if answer.status_code != HTTPStatus.OK:
                raise FetchFailed(f"the status is {answer.status_code}")
            # httpx limits each read, but a slow server could send a byte at a time.
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise FetchFailed(f"the response is larger than {MAX_BYTES} bytes")
                if time.monotonic() > ends_at:
                    raise FetchFailed(f"it took longer than {FETCH_SECONDS} seconds")
    except httpx.HTTPError as error:
        raise FetchFailed(type(error).__name__) from None
    return body


def parse(body):
    """Return {identifier: public key}; raise `FetchFailed` if there is none."""
    try:
        entries = json.loads(body)["public_keys"]
        found = {entry["key_identifier"]: entry["key"] for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FetchFailed("the response is not a list of public keys") from None
    keys = {name: load(pem) for name, pem in found.items() if isinstance(pem, str)}
    keys = {name: key for name, key in keys.items() if key}
    if not keys:
        raise FetchFailed("the response has no key of the curve P-256")
    return keys


def load(pem):
    """Return the public key, or None unless it is one of the curve P-256."""
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        return None
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1
    )
    return key if is_p256 else None
