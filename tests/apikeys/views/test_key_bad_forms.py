"""Malformed input to every form of a key, in every state of the key."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.apikeys.views.key_states import STATES
from tests.signing_in import sign_in
from tests.undone import undone

pytestmark = pytest.mark.slow

FORMS = [
    "revoke",
    "suspend",
    "resume",
    "retire",
    "unretire",
    "cancel_rotation",
    "rotate",
    "edit",
    "owner",
    "limit",
]
FIELDS = [
    "reason",
    "name",
    "description",
    "shown",
    "owner_email",
    "contact_email",
    "requests_per_minute",
    "overlap_seconds",
    "expires_in_days",
    "shown_verdict",
    "scopes",
]
BAD = {
    "long": "x" * 5000,
    "unseen": "\u200b" * 10,
    "lines": "a\nb",
    "a number": "-99999999999999999999",
    "nothing": "",
}


@pytest.mark.parametrize("state", STATES)
def test_bad_input_is_answered_in_every_state(make, acme, alice, state):
    key = make(state)
    client = Client(raise_request_exception=False)
    sign_in(client, alice)

    for page in FORMS:
        url = reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])
        with undone():
            statuses = {
                name: client.post(url, dict.fromkeys(FIELDS, text)).status_code
                for name, text in BAD.items()
            }
        assert set(statuses.values()) <= {200, 302, 400, 409}, (page, statuses)
