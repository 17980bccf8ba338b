"""GitHub's signatures: verified with the published keys, which are fetched in bounds."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from echopoint.keys_api import github_signatures
from echopoint.keys_api.github_signatures import (
    MAX_AGE,
    SECONDS_BETWEEN_FETCHES,
    KeysUnavailable,
    PublishedKeys,
    SignatureRefused,
    verify,
)
from tests.keys_api.github import SigningKey

BODY = b'[{"token": "x"}]'


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(github_signatures, "published_keys", PublishedKeys(clock=clock))
    return clock


def check(key, body=BODY, **changes):
    values = {"identifier": key.identifier, "signature": key.sign(BODY)} | changes
    verify(body, **values)


def test_a_body_that_github_signed_is_accepted(key_server, signing_key, clock):
    check(signing_key)


def without_a_byte(signature):
    return base64.b64encode(base64.b64decode(signature)[:-1]).decode()


WRONG = {
    "another body": lambda key: {"body": BODY + b" "},
    "no signature": lambda key: {"signature": None},
    "no identifier": lambda key: {"identifier": None},
    "empty": lambda key: {"signature": ""},
    "unknown identifier": lambda key: {"identifier": "key-2"},
    "not base64": lambda key: {"signature": "§§§"},
    "spaces in base64": lambda key: {"signature": f" {key.sign(BODY)}"},
    "not DER": lambda key: {"signature": base64.b64encode(b"x" * 64).decode()},
    "cut short": lambda key: {"signature": without_a_byte(key.sign(BODY))},
    "of another key": lambda key: {"signature": SigningKey().sign(BODY)},
    "of another body": lambda key: {"signature": key.sign(b"[]")},
}


@pytest.mark.parametrize("name", WRONG)
def test_any_other_request_is_refused(key_server, signing_key, clock, name):
    with pytest.raises(SignatureRefused):
        check(signing_key, **WRONG[name](signing_key))


def test_the_published_keys_are_cached(key_server, signing_key, clock):
    for _ in range(3):
        check(signing_key)

    assert key_server.hits == 1


def test_an_unknown_identifier_fetches_once_a_minute(key_server, signing_key, clock):
    newer = SigningKey("key-2")
    check(signing_key)
    key_server.publish(signing_key, newer)

    for _ in range(3):
        with pytest.raises(SignatureRefused):
            check(newer)
    assert key_server.hits == 1
    clock.now += SECONDS_BETWEEN_FETCHES
    check(newer)
    check(signing_key)

    assert key_server.hits == 2


def test_a_withdrawn_key_is_refused_after_a_day(key_server, signing_key, clock):
    check(signing_key)
    key_server.publish(SigningKey("key-2"))
    clock.now += MAX_AGE - 1
    check(signing_key)
    clock.now += 1

    with pytest.raises(SignatureRefused):
        check(signing_key)


def test_without_the_keys_a_report_is_refused_for_now(key_server, signing_key, clock):
    key_server.status = 500

    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            check(signing_key)
    assert key_server.hits == 1
    key_server.status = 200
    clock.now += SECONDS_BETWEEN_FETCHES
    check(signing_key)


def test_known_keys_serve_while_they_cannot_be_fetched(key_server, signing_key, clock):
    check(signing_key)
    key_server.status = 500
    clock.now += SECONDS_BETWEEN_FETCHES

    with pytest.raises(SignatureRefused):
        check(SigningKey("key-2"))
    check(signing_key)
    clock.now += MAX_AGE
    with pytest.raises(KeysUnavailable):
        check(signing_key)


@pytest.mark.parametrize("status", [204, 301, 302, 404, 503])
def test_only_a_plain_success_has_the_keys(key_server, signing_key, clock, status):
    key_server.status = status

    with pytest.raises(KeysUnavailable):
        check(signing_key)
    assert key_server.hits == 1


def rsa_entry():
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"key_identifier": "key-1", "key": pem.decode()}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"public_keys": 7}',
        b'{"public_keys": []}',
        b'{"public_keys": [{}]}',
        b'{"public_keys": [{"key_identifier": "key-1", "key": 7}]}',
        b'{"public_keys": [{"key_identifier": "key-1", "key": "x"}]}',
        b'{"public_keys": [{"key_identifier": [], "key": "x"}]}',
        b"[" * 100_000,
        json.dumps({"public_keys": [rsa_entry()]}).encode(),
        json.dumps(
            {"public_keys": [SigningKey("key-1", ec.SECP384R1()).entry()]}
        ).encode(),
    ],
    ids=range(12),
)
def test_a_response_without_keys_of_p_256_is_no_answer(
    key_server, signing_key, clock, body
):
    key_server.body = body

    with pytest.raises(KeysUnavailable):
        check(signing_key)


def test_an_odd_entry_does_not_hide_the_others(key_server, signing_key, clock):
    odd = [{"key_identifier": "odd", "key": "x"}, rsa_entry() | {"key_identifier": "r"}]
    key_server.body = json.dumps({"public_keys": [*odd, signing_key.entry()]}).encode()

    check(signing_key)


def test_a_large_response_is_not_read_to_its_end(
    key_server, signing_key, clock, monkeypatch
):
    monkeypatch.setattr(github_signatures, "MAX_BYTES", 10)

    with pytest.raises(KeysUnavailable):
        check(signing_key)


def test_a_slow_response_is_given_up(key_server, signing_key, clock, monkeypatch):
    monkeypatch.setattr(github_signatures, "FETCH_SECONDS", 0)

    with pytest.raises(KeysUnavailable):
        check(signing_key)


def test_an_unreachable_server_is_no_error(key_server, signing_key, clock, settings):
    settings.GITHUB_SECRET_SCANNING_KEYS_URL = "http://127.0.0.1:9/keys"

    with pytest.raises(KeysUnavailable):
        check(signing_key)
