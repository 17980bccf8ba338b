"""The pages of named ranges."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, NetworkRange
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")


@pytest.fixture
def office(acme):
    return NetworkRange.objects.add(
        acme, name="Office", networks=["192.0.2.0/24"], by=SYSTEM
    )


def url(page, organization, *rows):
    return reverse(f"apikeys:{page}", args=[organization.pk, *(r.pk for r in rows)])


def test_a_range_is_created_changed_and_deleted(signed_in, acme):
    assert "No address ranges yet" in signed_in.get(url("ranges", acme)).text

    values = {"name": "Office", "networks": "192.0.2.0/24\n2001:db8::/32"}
    page = signed_in.post(url("range_new", acme), values, follow=True)
    assert "The range Office is created." in page.text
    row = NetworkRange.objects.get()
    assert row.networks == ["192.0.2.0/24", "2001:db8::/32"]

    same = signed_in.post(url("range", acme, row), values, follow=True)
    assert "Office already has these networks; nothing changed." in same.text
    page = signed_in.post(url("range", acme, row), {"networks": "::1"}, follow=True)
    assert "The range Office is changed" in page.text
    assert ">\n::1</textarea>" in signed_in.get(url("range", acme, row)).text

    page = signed_in.post(url("range_delete", acme, row), follow=True)
    assert "The range Office is deleted." in page.text
    assert not NetworkRange.objects.exists()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": ""}, "Give the range a name."),
        ({"name": "office"}, "has this name"),
        ({"name": "10.0.0.1"}, "a name with a letter"),
        ({"networks": " "}, "Enter at least one address or network."),
        ({"networks": "192.0.2.1/24"}, "Write 192.0.2.0/24"),
    ],
)
def test_an_invalid_range_is_refused_and_the_input_is_preserved(
    signed_in, acme, office, values, why
):
    typed = {"name": "Home", "networks": "198.51.100.7"} | values

    page = signed_in.post(url("range_new", acme), typed)

    assert "No range was created" in page.text
    assert why in page.text
    assert typed["networks"].strip() in page.text
    assert NetworkRange.objects.count() == 1


def test_a_range_shows_its_keys_and_is_not_deleted_under_them(
    signed_in, acme, office, issue
):
    for n in range(7):
        issue(name=f"CI {n}", allowed_networks=["Office"])

    page = signed_in.get(url("range", acme, office)).text
    assert "CI 4" in page
    assert "and 2 more keys refer to it." in " ".join(page.split())
    assert url("range_delete", acme, office) not in page
    refused = signed_in.post(url("range_delete", acme, office))

    assert "The range was not deleted" in refused.text
    assert "The list of CI 0 and 6 more refers to this range." in refused.text
    assert NetworkRange.objects.exists()


def test_a_change_reaches_the_keys(signed_in, acme, office, issue):
    key, _ = issue(allowed_networks=["Office"])

    signed_in.post(url("range", acme, office), {"networks": "198.51.100.0/24"})

    assert ApiKey.objects.get(pk=key.pk).effective_networks == ["198.51.100.0/24"]


def test_a_wider_range_asks_for_a_sign_in_and_keeps_what_was_typed(
    client, alice, acme, office
):
    sign_in(client, alice, ago=3600)
    path = url("range", acme, office)

    narrowed = client.post(path, {"networks": "192.0.2.0/25"})
    asked = client.post(path, {"networks": "192.0.2.0/24"})

    assert narrowed["Location"] == url("ranges", acme)
    assert asked["Location"].startswith("/accounts/reauthenticate/?")
    assert NetworkRange.objects.get().networks == ["192.0.2.0/25"]
    sign_in(client, alice)
    assert ">\n192.0.2.0/24</textarea>" in client.get(path).text


def test_a_member_reads_the_ranges(client, bob, acme, office):
    sign_in(client, bob)

    page = client.get(url("ranges", acme)).text

    assert "Office" in page
    assert url("range", acme, office) not in page
    assert url("range_new", acme) not in page
