"""What may be repeated of an address: places in lists, and no secret."""

import base64
from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.urls import reverse

from apikeys.db.keyset import Cursor, encode
from echopoint.core.addresses import holds_one, packed, public, shown
from tests.core.keys import KEY, RANDOM

SECRET = RANDOM  # as a part of one
NOON = datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
# JSON that is too deep to be read.
DEEP = base64.urlsafe_b64encode(b"[" * 300_000 + SECRET.encode()).decode()
PLACES = [
    encode(Cursor(NOON, 1234567)),
    encode(Cursor("the main pipeline of the shop", 2**63 - 1)),
    encode(Cursor("déploiement ❤ プロダクション", 12)),
    encode(Cursor(None, 123456789012345)),
    encode(Cursor(2**63 - 1, 2**63 - 1)),
]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_in_a_list_stays_in_an_address(rf, place):
    assert public(place) == place
    assert shown(QueryDict(f"after={place}"))["after"] == place
    assert not holds_one(rf.get("/", {"before": place}))


@pytest.mark.parametrize(
    "text",
    [
        encode(Cursor(KEY, 1)),
        encode(Cursor(SECRET, 1)),
        encode(Cursor(f"x {KEY[:40]}", 1)),
        packed([[SECRET], 1]),
        packed([{"x": SECRET}, 1]),
        packed([1, SECRET]),
        packed([1, 2, SECRET]),
        packed(SECRET),
        packed([None, True, SECRET]),
        f"{PLACES[0]}{SECRET}",
        f"{PLACES[0]} {SECRET}",
        f"{PLACES[0]}.{SECRET}",
        SECRET,
    ],
)
def test_what_is_no_place_or_holds_a_secret_leaves_an_address(rf, text):
    assert public(text) == ""
    assert holds_one(rf.get("/", {"after": text}))


def test_what_is_too_deep_to_be_read_leaves_an_address():
    assert public(DEEP) == ""


def test_who_signs_in_comes_back_to_the_page_of_the_list(client, acme, alice, issue):
    place = encode(Cursor(NOON, 1234567))
    url = f"{reverse('apikeys:list', args=[acme.pk])}?sort=created&after={place}"

    asked = client.get(url)["Location"]
    answer = client.post(
        asked, {"login": alice.email, "password": "correct horse battery"}
    )

    assert answer["Location"] == url
