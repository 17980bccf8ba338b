"""Every page that parses a passkey credential refuses malformed ones."""

import base64
import json

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tests.signing_in import sign_in

LOGIN = "/accounts/2fa/webauthn/login/"
AJAX = {"X-Requested-With": "XMLHttpRequest"}


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


CLIENT_DATA = encoded(b'{"type": "webauthn.get", "challenge": "AA", "origin": "o"}')
RESPONSE = {
    "clientDataJSON": CLIENT_DATA,
    "authenticatorData": encoded(bytes(37)),
    "signature": "AA",
    "userHandle": encoded(b"user_1"),
    "attestationObject": encoded(b"\xa0"),
}
CREDENTIAL = {"id": "AA", "rawId": "AA", "type": "public-key", "response": RESPONSE}


def with_response(**changes):
    return CREDENTIAL | {"response": RESPONSE | changes}


BAD = {
    "not JSON": "{",
    "a list": "[]",
    "a number": "17",
    "an empty object": "{}",
    "no response": json.dumps({"id": "AA", "rawId": "AA", "type": "public-key"}),
    "a response that is text": json.dumps(CREDENTIAL | {"response": "x"}),
    "nothing of it": json.dumps(CREDENTIAL),
    "another's handle": json.dumps(with_response(userHandle=encoded(b"\xff\xfe"))),
    "a handle that is a number": json.dumps(with_response(userHandle=5)),
    "a NUL in the handle": json.dumps(with_response(userHandle=encoded(b"a\0b"))),
    "data that is too short": json.dumps(with_response(authenticatorData="AA")),
    "client data that is no JSON": json.dumps(with_response(clientDataJSON="AA")),
    "client data that is a list": json.dumps(
        with_response(clientDataJSON=encoded(b"[]"))
    ),
    "an attestation of nothing": json.dumps(with_response(attestationObject="")),
    "no raw id": json.dumps({k: v for k, v in CREDENTIAL.items() if k != "rawId"}),
    "results that are text": json.dumps(CREDENTIAL | {"clientExtensionResults": "x"}),
    "results that are a list": json.dumps(CREDENTIAL | {"clientExtensionResults": [1]}),
    "a key that is none": json.dumps(
        with_response(
            authenticatorData=encoded(bytes(32) + b"\xc5" + bytes(60)),
            attestationObject=encoded(bytes(80)),
        )
    ),
    "an id that is an object": json.dumps(CREDENTIAL | {"id": {}, "rawId": []}),
}


@pytest.fixture
def browser():
    return Client(raise_request_exception=False)


@pytest.fixture
def with_second_factor(alice):
    """Let alice be asked for a second factor."""
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "x"})
    return alice


@pytest.mark.parametrize("credential", BAD.values(), ids=BAD)
def test_a_bad_credential_does_not_sign_in(db, browser, credential):
    browser.get(LOGIN, headers=AJAX)

    answer = browser.post(LOGIN, {"credential": credential})

    assert answer.status_code == 302
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("credential", BAD.values(), ids=BAD)
def test_a_bad_credential_of_a_known_user_does_not_sign_in(browser, alice, credential):
    known = credential.replace(encoded(b"user_1"), encoded(str(alice.pk).encode()))
    browser.get(LOGIN, headers=AJAX)

    assert browser.post(LOGIN, {"credential": known}).status_code == 302
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("credential", BAD.values(), ids=BAD)
def test_a_bad_credential_is_no_second_factor(browser, with_second_factor, credential):
    browser.post(
        "/accounts/login/",
        {"login": with_second_factor.email, "password": "correct horse battery"},
    )

    answer = browser.post("/accounts/2fa/authenticate/", {"credential": credential})

    assert answer.status_code == 200
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("credential", BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    "page", ["/accounts/2fa/webauthn/add/", "/accounts/2fa/webauthn/reauthenticate/"]
)
def test_a_bad_credential_adds_and_confirms_nothing(browser, alice, page, credential):
    sign_in(browser, alice)
    browser.get(page)

    answer = browser.post(page, {"name": "Laptop", "credential": credential})

    assert answer.status_code in {200, 302}
    assert not Authenticator.objects.filter(user=alice).exists()
