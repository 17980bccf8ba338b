"""URLs keep pagination cursors, and lose secrets."""

import base64
from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.urls import reverse

from apikeys.db.keyset import Cursor, encode
from echopoint.core.cursors import encode_cursor
from echopoint.core.url_redaction import redact_query, redact_value, url_has_secret
from tests.core.keys import KEY, RANDOM

SECRET = RANDOM  # looks like part of a secret
NOON = datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
# JSON nested too deep to decode.
DEEP = base64.urlsafe_b64encode(b"[" * 300_000 + SECRET.encode()).decode()
CURSORS = [
    encode(Cursor(NOON, 1234567)),
    encode(Cursor("the main pipeline of the shop", 2**63 - 1)),
    encode(Cursor("déploiement ❤ プロダクション", 12)),
    encode(Cursor(None, 123456789012345)),
    encode(Cursor(2**63 - 1, 2**63 - 1)),
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_stays_in_the_url(rf, cursor):
    assert redact_value(cursor) == cursor
    assert redact_query(QueryDict(f"after={cursor}"))["after"] == cursor
    assert not url_has_secret(rf.get("/", {"before": cursor}))


@pytest.mark.parametrize(
    "text",
    [
        encode(Cursor(KEY, 1)),
        encode(Cursor(SECRET, 1)),
        encode(Cursor(f"x {KEY[:40]}", 1)),
        encode_cursor([[SECRET], 1]),
        encode_cursor([{"x": SECRET}, 1]),
        encode_cursor([1, SECRET]),
        encode_cursor([1, 2, SECRET]),
        encode_cursor(SECRET),
        encode_cursor([None, True, SECRET]),
        f"{CURSORS[0]}{SECRET}",
        f"{CURSORS[0]} {SECRET}",
        f"{CURSORS[0]}.{SECRET}",
        SECRET,
    ],
)
def test_a_secret_is_removed_from_the_url(rf, text):
    assert redact_value(text) == ""
    assert url_has_secret(rf.get("/", {"after": text}))


def test_json_nested_too_deep_is_removed_from_the_url():
    assert redact_value(DEEP) == ""


def test_signing_in_returns_to_the_page_of_the_list(client, acme, alice, issue):
    cursor = encode(Cursor(NOON, 1234567))
    url = f"{reverse('apikeys:list', args=[acme.pk])}?sort=created&after={cursor}"

    asked = client.get(url)["Location"]
    answer = client.post(
        asked, {"login": alice.email, "password": "correct horse battery"}
    )

    assert answer["Location"] == url
