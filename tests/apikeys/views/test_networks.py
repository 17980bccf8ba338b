"""The page of a key's allowed addresses, and what leads there."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey, KeyPlace, NetworkRange, Refusal
from apikeys.places import CLIENT, PIPELINE, Place
from echopoint.core.client_metadata import Client
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def key(issue):
    return issue()[0]


@pytest.fixture
def url(key):
    return reverse("apikeys:networks", args=[key.organization_id, key.public_id])


def used(key, ip, ago=HOUR, client="curl"):
    place = Place(CLIENT, client, ip)
    KeyPlace.objects.record(key, place, timezone.now() - ago)
    KeyPlace.objects.flush()


def refused(key, ip, ago=HOUR):
    minute = (timezone.now() - ago).replace(second=0, microsecond=0)
    Refusal.objects.create(
        key=key, reason="IP_NOT_ALLOWED", minute=minute, count=2, last_ip=ip
    )


def stored(key):
    return ApiKey.objects.get(pk=key.pk).allowed_networks


def test_a_list_is_set_and_removed(signed_in, key, url):
    page = signed_in.post(
        url, {"allowed_networks": "192.0.2.0/24\n\n ::1 "}, follow=True
    )

    assert "Only the listed addresses may use the key from now on." in page.text
    assert "192.0.2.0/24, ::1" in page.text
    assert stored(key) == ["192.0.2.0/24", "::1"]
    assert ">\n192.0.2.0/24\n::1</textarea>" in signed_in.get(url).text
    again = signed_in.post(url, {"allowed_networks": "192.0.2.0/24, ::1"}, follow=True)
    assert "already has this list" in again.text
    page = signed_in.post(url, {"allowed_networks": " "}, follow=True)
    assert "Any address may use the key from now on." in page.text
    assert stored(key) is None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("192.0.2.1/24", "Write 192.0.2.0/24 for the network"),
        ("192.0.2.1, 0.0.0.0/0", "every IPv4 address"),
        ("Office", "“Office” is neither a network"),
        ("<b>", "“&lt;b&gt;” is neither a network"),
        ("x" * 6001, "Use at most 6000 characters; you entered 6001."),
    ],
)
def test_an_invalid_list_is_refused_and_the_input_is_preserved(
    signed_in, key, url, typed, why
):
    page = signed_in.post(url, {"allowed_networks": typed})

    assert page.status_code == 200
    assert "The list was not changed" in page.text
    assert why in page.text
    assert typed.replace("<b>", "&lt;b&gt;") in page.text
    assert stored(key) is None


def test_a_pasted_key_is_not_repeated(signed_in, issue, url):
    _, secret = issue()

    page = signed_in.post(url, {"allowed_networks": f"192.0.2.1\n{secret}"})

    assert "is neither a network" in page.text
    assert secret[22:] not in page.text


def test_a_wider_list_asks_for_a_sign_in_and_keeps_what_was_typed(
    client, alice, key, url
):
    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)
    sign_in(client, alice, ago=3600)

    narrowed = client.post(url, {"allowed_networks": "192.0.2.0/25"})
    asked = client.post(url, {"allowed_networks": "192.0.2.0/25\n198.51.100.7"})

    assert narrowed["Location"] == key.get_absolute_url()
    assert asked["Location"].startswith("/accounts/reauthenticate/?")
    assert stored(key) == ["192.0.2.0/25"]
    sign_in(client, alice)
    shown = client.get(url)
    assert ">\n192.0.2.0/25\n198.51.100.7</textarea>" in shown.text
    assert "Nothing was submitted yet" in shown.text


def test_places_are_suggested(signed_in, key, url):
    used(key, "192.0.2.7", ago=2 * HOUR)
    used(key, "2001:db8::1", client="python-requests")
    used(key, "2001:db8::2", client="python-requests")
    used(key, "198.51.100.7", ago=40 * DAY)
    KeyPlace.objects.record(key, Place(PIPELINE, "acme/web"))
    KeyPlace.objects.flush()

    page = signed_in.get(url).text

    assert 'value="192.0.2.7" formnovalidate' in page
    assert 'value="2001:db8::/64" formnovalidate' in page
    assert "seen at 2 addresses, python-requests" in page
    assert "198.51.100.7" not in page
    assert "acme/web" not in page


def test_what_is_listed_already_is_marked_and_not_offered(signed_in, key, url):
    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)
    used(key, "192.0.2.7")
    used(key, "198.51.100.7")

    page = signed_in.get(url).text

    assert page.count("In the list") == 1
    assert 'value="192.0.2.7" formnovalidate' not in page
    assert 'value="198.51.100.7" formnovalidate' in page


def test_the_last_use_and_the_predecessors_places_are_suggested(signed_in, key, acme):
    used(key, "192.0.2.7")
    key.record_use(Client("192.0.2.8", "curl/8"))
    successor, _ = key.rotate(by=SYSTEM)
    url = reverse("apikeys:networks", args=[acme.pk, successor.public_id])

    page = signed_in.get(url).text

    assert 'value="192.0.2.7" formnovalidate' in page
    assert 'value="192.0.2.8" formnovalidate' in page


def test_a_suggestion_is_added_to_what_was_typed(signed_in, key, url):
    typed = {"allowed_networks": "192.0.2.1\n", "add": "192.0.2.7"}

    page = signed_in.post(url, typed)

    assert ">\n192.0.2.1\n192.0.2.7</textarea>" in page.text
    assert stored(key) is None
    twice = signed_in.post(url, typed | {"allowed_networks": "192.0.2.7"})
    assert ">\n192.0.2.7</textarea>" in twice.text


def test_ranges_are_offered_with_their_networks(signed_in, acme, globex, key, url):
    for organization, name in ((acme, "Office"), (globex, "Theirs")):
        NetworkRange.objects.add(
            organization, name=name, networks=["203.0.113.0/24"], by=SYSTEM
        )

    page = signed_in.get(url).text

    assert 'value="Office" formnovalidate' in page
    assert "203.0.113.0/24" in page
    assert "Theirs" not in page


def test_a_list_that_refuses_recent_uses_is_confirmed_first(signed_in, key, url):
    used(key, "192.0.2.7")
    used(key, "198.51.100.7", client="cron")
    typed = {"allowed_networks": "192.0.2.0/24"}

    page = signed_in.post(url, typed)

    assert "This list refuses clients" in page.text
    assert "198.51.100.7: cron" in page.text
    assert "192.0.2.7: curl" not in page.text
    assert stored(key) is None
    signed_in.post(url, typed | {"confirm": "1"})
    assert stored(key) == ["192.0.2.0/24"]
    unchanged = signed_in.post(url, typed, follow=True)
    assert "already has this list" in unchanged.text


def test_a_revoked_key_has_no_such_page(signed_in, key, url):
    key.revoke(by=SYSTEM)

    assert signed_in.get(url).status_code == 409
    assert signed_in.post(url, {"allowed_networks": "::1"}).status_code == 409
    assert "Restrict<span" not in signed_in.get(key.get_absolute_url()).text


def test_the_keys_page_shows_refused_addresses_that_are_still_not_listed(
    signed_in, key, url
):
    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)
    refused(key, "203.0.113.9")
    refused(key, "192.0.2.7", ago=2 * HOUR)
    refused(key, "203.0.113.77", ago=40 * DAY)

    page = signed_in.get(key.get_absolute_url()).text

    assert f'<a href="{url}?add=203.0.113.9">Add it' in page
    assert "?add=192.0.2.7" not in page
    assert "203.0.113.77" not in page
    form = signed_in.get(f"{url}?add=203.0.113.9").text
    assert ">\n192.0.2.0/24\n203.0.113.9</textarea>" in form


@pytest.mark.parametrize("text", ["", "x", "<b>", "0.0.0.0/0", "192.0.2.0/24"])
def test_only_an_address_is_added_from_the_url(signed_in, key, url, text):
    key.set_allowed_networks(["::1"], by=SYSTEM)

    page = signed_in.get(url, {"add": text}).text

    assert ">\n::1</textarea>" in page


def test_a_member_sees_the_list_and_no_way_to_change_it(client, bob, key, url):
    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)
    refused(key, "203.0.113.9")
    sign_in(client, bob)

    page = client.get(key.get_absolute_url()).text

    assert "192.0.2.0/24" in page
    assert "203.0.113.9" in page
    assert url not in page


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("broken", "The stored list cannot be read"),
        ('{"entries": ["Gone"], "networks": []}', "These contain no address now"),
    ],
)
def test_a_list_without_an_address_is_described_as_such(signed_in, key, stored, said):
    ApiKey.objects.filter(pk=key.pk).update(allow_list=stored)

    assert said in signed_in.get(key.get_absolute_url()).text


def test_a_key_is_created_with_networks(signed_in, acme):
    url = reverse("apikeys:issue", args=[acme.pk])
    nonce = signed_in.get(url).context["form"]["nonce"].value()
    values = {
        "nonce": nonce,
        "name": "CI",
        "scopes": ["flows:read"],
        "expires_in_days": "90",
    }

    refused = signed_in.post(url, values | {"allowed_networks": "192.0.2.1/24"})
    assert "Allowed addresses: “192.0.2.1/24” has bits set" in refused.text
    assert ">\n192.0.2.1/24</textarea>" in refused.text
    preset = signed_in.post(url, values | {"allowed_networks": "::1", "preset": "ci"})
    assert ">\n::1</textarea>" in preset.text
    made = signed_in.post(url, values | {"allowed_networks": "192.0.2.1"})

    assert "API key created" in made.text
    assert "<dt>Allowed addresses</dt><dd>192.0.2.1</dd>" in made.text
    assert ApiKey.objects.get().allowed_networks == ["192.0.2.1"]


def test_the_list_of_keys_marks_restricted_ones(signed_in, acme, key, issue):
    url = reverse("apikeys:list", args=[acme.pk])
    assert "from listed addresses only" not in signed_in.get(url).text

    key.set_allowed_networks(["192.0.2.1"], by=SYSTEM)

    assert signed_in.get(url).text.count("from listed addresses only") == 1
