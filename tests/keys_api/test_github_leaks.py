"""GitHub's secret scanning reports keys that it found."""

import base64
import hashlib
import json

import pytest
from django.core import mail

from apikeys import tokens
from apikeys.audit.timeline import in_words
from apikeys.models import ApiKey, AuditEvent
from tests.leak_search import tables

PATH = "/api-keys/leaked/github"
URL = "https://github.com/acme/web/blob/1/config.py"


@pytest.fixture
def send(client, key_server, signing_key):
    """Return a function that posts signed matches, as GitHub does."""
    client.raise_request_exception = False

    def send(matches, *, body=None, headers=None):
        body = json.dumps(matches).encode() if body is None else body
        headers = signing_key.headers(body) if headers is None else headers
        return client.post(PATH, body, content_type="application/json", headers=headers)

    return send


def match(token, **values):
    return {"token": token, "type": "epk", "url": URL, "source": "content"} | values


def hashed(token):
    return base64.b64encode(hashlib.sha256(token.encode()).digest()).decode()


def test_a_found_key_is_stopped_and_github_told(send, api, issue, acme):
    key, secret = issue(name="CI")
    other = tokens.generate().text
    caller = api(secret=secret, organization=acme)

    response = send([match(secret, source="commit"), match(other)])

    assert response.status_code == 200
    assert response.json() == [
        {"token_hash": hashed(secret), "token_type": "epk", "label": "true_positive"},
        {"token_hash": hashed(other), "token_type": "epk", "label": "false_positive"},
    ]
    refused = caller.get("/api-keys/self").json()["errors"][0]
    assert refused["code"] == "API_KEY_SUSPENDED"
    event = AuditEvent.objects.get(action="api_key.leak_reported")
    assert event.actor_label == "GitHub secret scanning"
    assert in_words(event) == f"By GitHub secret scanning: commit {URL}"
    (message,) = mail.outbox
    assert f"By GitHub secret scanning: commit {URL}" in message.body


def test_many_matches_are_one_report(send, issue):
    secrets = [issue()[1] for _ in range(3)]
    others = [tokens.generate().text for _ in range(300)]

    response = send([match(token) for token in [*others, *secrets, secrets[0]]])

    labels = [item["label"] for item in response.json()]
    assert labels == ["false_positive"] * 300 + ["true_positive"] * 4
    assert ApiKey.objects.filter(suspended_at__isnull=False).count() == 3
    (message,) = mail.outbox
    assert "3 API keys" in message.subject


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"source": "a_new_place"}, f"a new place {URL}"),
        ({"source": ""}, URL),
        ({"source": None, "url": None}, "By GitHub secret scanning"),
        ({"source": 7, "url": ["x"]}, "By GitHub secret scanning"),
        ({"source": "content", "url": ""}, "content"),
        ({"source": "c\n\x00d"}, "c\ufffd\ufffdd"),
        ({"type": None, "more": {"x": 1}}, "content"),
    ],
)
def test_what_comes_with_a_match_is_recorded_as_far_as_it_can_be(
    send, issue, values, words
):
    _, secret = issue()

    assert send([match(secret, **values)]).status_code == 200

    event = AuditEvent.objects.get(action="api_key.leak_reported")
    assert words in in_words(event)


def test_an_address_that_holds_the_key_is_recorded_without_it(send, issue):
    _, secret = issue()

    send([match(secret, url=f"https://a.test/?key={secret}", source=secret)])

    assert ApiKey.objects.filter(suspended_at__isnull=False).exists()
    assert secret[22:] not in tables()
    assert secret[22:] not in mail.outbox[0].body


def test_long_texts_are_truncated(send, issue):
    _, secret = issue()

    send([match(secret, url="https://a.test/" + "x y" * 5000, source="s" * 5000)])

    details = AuditEvent.objects.get(action="api_key.leak_reported").details
    assert len(details["url"]) == 500
    assert len(details["found_in"]) == 60


@pytest.mark.parametrize("name", ["missing", "wrong body", "wrong key"])
def test_an_unsigned_report_stops_nothing(send, issue, signing_key, name):
    _, secret = issue()
    body = json.dumps([match(secret)]).encode()
    headers = {
        "missing": {},
        "wrong body": signing_key.headers(b"[]"),
        "wrong key": signing_key.headers(body)
        | {"Github-Public-Key-Identifier": "other"},
    }[name]

    response = send(None, body=body, headers=headers)

    assert response.status_code == 403
    assert response.json()["errors"][0]["code"] == "SIGNATURE_INVALID"
    assert not ApiKey.objects.filter(suspended_at__isnull=False).exists()
    assert send(None, body=body).status_code == 200
    assert ApiKey.objects.filter(suspended_at__isnull=False).exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"{}",
        b"7",
        b"[7]",
        b"[{}]",
        b'[{"token": 7}]',
        b'[{"token": "x", "token": "y"}]',
    ],
)
def test_a_signed_body_of_another_form_is_refused_in_the_envelope(send, db, body):
    response = send(None, body=body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] in {"BAD_REQUEST", "VALIDATION_ERROR"}


def test_an_empty_report_and_odd_tokens_are_answered(send, db):
    assert send([]).json() == []
    odd = send(None, body=b'[{"token": "\\ud800", "type": "\\ud800"}]')
    assert odd.status_code == 200
    assert odd.json()[0]["label"] == "false_positive"


def test_without_githubs_keys_a_report_is_refused_for_now(send, key_server, db):
    key_server.status = 500

    response = send([match("x")])

    assert response.status_code == 503
    assert response.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert response["Retry-After"] == "60"


def test_it_is_off_unless_the_site_sets_where_the_keys_are(
    send, settings, issue, signing_key
):
    settings.GITHUB_SECRET_SCANNING_KEYS_URL = ""
    _, secret = issue()

    response = send([match(secret)])

    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == "NOT_FOUND"
    assert not ApiKey.objects.filter(suspended_at__isnull=False).exists()


def test_a_body_over_the_limit_is_refused(send, db):
    response = send([match("x" * 1_100_000)])

    assert response.status_code == 413
