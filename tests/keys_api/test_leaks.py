"""Reporting leaked keys over the API: without a credential, and without an answer."""

import json
import time

import pytest
from django.test import Client

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.keys_api.leaks import ACCEPTED
from tests.leak_search import tables
from tests.signing_in import sign_in

PATH = "/api-keys/leaked"


@pytest.fixture
def send():
    """Return a function that posts a body without a credential."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)

    def send(body, **options):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return client.post(PATH, text, **{"content_type": "application/json"} | options)

    return send


def errors(response):
    return [(error["code"], error.get("field")) for error in response.json()["errors"]]


def test_the_next_request_with_a_reported_key_is_refused(send, api, issue, acme):
    _, secret = issue()
    caller = api(secret=secret, organization=acme)
    assert caller.get("/api-keys/self").status_code == 200

    assert send({"keys": [secret]}).status_code == 202

    refused = caller.get("/api-keys/self")
    assert refused.status_code == 401
    assert errors(refused) == [("API_KEY_SUSPENDED", None)]


def test_the_policy_can_revoke_instead(send, api, issue, acme):
    acme.leak_action = "revoke"
    acme.save()
    _, secret = issue()

    send({"keys": [secret]})

    refused = api(secret=secret, organization=acme).get("/api-keys/self")
    assert errors(refused) == [("API_KEY_REVOKED", None)]


def test_the_response_is_the_same_for_every_text(send, issue):
    key, secret = issue()
    stopped, stopped_secret = issue()
    stopped.revoke(by=Actor.command("test"))
    texts = [
        secret,
        secret,
        stopped_secret,
        tokens.generate().text,
        "x",
        "",
        key.rest_id,
    ]

    responses = [send({"keys": [text]}) for text in texts]

    assert {response.status_code for response in responses} == {202}
    assert {response.content for response in responses} == {
        json.dumps(ACCEPTED, separators=(",", ":")).encode()
    }
    names = [sorted(set(r.headers) - {"X-Request-Id"}) for r in responses]
    assert all(other == names[0] for other in names)
    assert responses[0]["Cache-Control"] == "no-store"
    assert not responses[0].cookies


def test_the_time_does_not_tell_a_key_from_another_text(send, issue, settings):
    settings.LEAK_REPORT_SECONDS = pace = 0.4
    _, secret = issue()

    took = []
    for text in (secret, tokens.generate().text):
        started = time.monotonic()
        send({"keys": [text]})
        took.append(time.monotonic() - started)

    assert min(took) >= pace


def test_100_texts_are_accepted_and_no_more(send, issue):
    _, secret = issue()

    too_many = send({"keys": [secret] * 101})

    assert too_many.status_code == 400
    assert errors(too_many) == [("VALIDATION_ERROR", "keys")]
    assert "100" in too_many.json()["errors"][0]["message"]
    assert not ApiKey.objects.filter(suspended_at__isnull=False).exists()
    assert send({"keys": ["x"] * 99 + [secret]}).status_code == 202
    assert ApiKey.objects.filter(suspended_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "keys"),
        ({"keys": []}, "keys"),
        ({"keys": "epk"}, "keys"),
        ({"keys": None}, "keys"),
        ({"keys": [7]}, "keys[0]"),
        ({"keys": [None]}, "keys[0]"),
        ({"keys": [["x"]]}, "keys[0]"),
        ({"keys": ["\x00"]}, "keys[0]"),
        ({"keys": ["x"], "key": "y"}, "key"),
        ([], None),
        ("{", None),
        (b"\xff", None),
        ("", None),
    ],
)
def test_a_malformed_body_is_refused_in_the_envelope(send, body, field):
    response = send(body)

    assert response.status_code == 400
    assert [name for _, name in errors(response)] == [field]


def test_other_methods_types_and_sizes_are_refused_in_the_envelope(send, client):
    assert errors(client.get(PATH)) == [("METHOD_NOT_ALLOWED", None)]
    as_text = send("x", content_type="text/plain")
    assert errors(as_text) == [("UNSUPPORTED_MEDIA_TYPE", None)]
    too_large = send({"keys": ["x" * 1_100_000]})
    assert too_large.status_code == 413
    assert errors(too_large) == [("PAYLOAD_TOO_LARGE", None)]


def test_an_address_may_send_so_many_reports_per_minute(send, settings, issue):
    settings.LEAK_REPORTS_PER_MINUTE = 2
    settings.TRUSTED_PROXIES = 1
    _, secret = issue()
    first, second = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "192.0.2.7"}

    statuses = [send({"keys": ["x"]}, headers=first).status_code for _ in range(2)]
    limited = send({"keys": [secret]}, headers=first)

    assert statuses == [202, 202]
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) > 0
    assert not ApiKey.objects.filter(suspended_at__isnull=False).exists()
    assert send({"keys": ["x"]}, headers=second).status_code == 202


def test_the_addresses_of_an_ipv6_network_count_as_one(send, settings):
    settings.LEAK_REPORTS_PER_MINUTE = 1
    settings.TRUSTED_PROXIES = 1
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1"]

    statuses = [
        send({"keys": ["x"]}, headers={"X-Forwarded-For": address}).status_code
        for address in addresses
    ]

    assert statuses == [202, 429, 202]


def test_a_credential_in_the_request_is_ignored(send, api, issue, acme, alice):
    _, secret = issue(name="reported")
    _, other = issue(name="other")
    signed_in = Client(enforce_csrf_checks=True)
    sign_in(signed_in, alice)

    with_key = send({"keys": ["x"]}, headers={"X-Api-Key": other})
    with_bad_key = send({"keys": ["x"]}, headers={"X-Api-Key": "nonsense"})
    with_session = signed_in.post(
        PATH, {"keys": [secret]}, content_type="application/json"
    )

    statuses = {r.status_code for r in (with_key, with_bad_key, with_session)}
    assert statuses == {202}
    reported = ApiKey.objects.get(suspended_at__isnull=False)
    assert reported.name == "reported"
    assert not ApiKey.objects.filter(last_used_at__isnull=False).exists()


def test_a_reported_text_is_in_no_log_table_or_answer(
    send, client, log, issue, settings
):
    settings.LOG_REQUESTS = True
    key, secret = issue()
    unknown = tokens.generate().text
    plain = "a-text-that-is-no-key-but-private"
    path = "/leaked/"

    for text in (secret, unknown, plain, f'"{secret}"'):
        answers = [
            send({"keys": [text]}),
            send({"keys": [text] * 101}),
            send({"keys": [7], text: "x"}),
            send(f'{{"{plain}": 1, "{plain}": 2, "keys": ["{text}'),
            client.post(path, {"keys": text}),
            client.post(path, {"keys": "\n".join([text] * 101)}),
            client.get(path),
        ]
        shown = "\n".join(answer.text for answer in answers)
        assert secret[22:] not in shown
        assert unknown[22:] not in shown

    sinks = {
        "tables": tables(),
        "log": log.getvalue(),
        "session": json.dumps(dict(client.session)),
        "cookies": str(client.cookies),
    }
    assert "api-keys/leaked" in sinks["log"]
    assert key.public_id in sinks["tables"]
    for name, text in sinks.items():
        for private in (secret[22:], unknown[22:], unknown[9:21], plain):
            assert private not in text, name


def test_an_error_of_the_server_does_not_show_the_texts(
    send, client, log, issue, monkeypatch, settings
):
    def fail(*args, **options):
        raise RuntimeError

    monkeypatch.setattr("apikeys.leaks.proven", fail)
    # Put together, because the debug page shows the lines of this file.
    plain = "-".join(["a", "private", "text"])
    client.raise_request_exception = False
    for debug in (False, True):
        settings.DEBUG = debug
        failed = send({"keys": [plain]})
        page = client.post("/leaked/", {"keys": plain})

        assert (failed.status_code, page.status_code) == (500, 500)
        assert plain not in failed.text + page.text + log.getvalue()
