"""The page of a rotation asks for what the policy requires and the key lacks."""

import pytest
from django.urls import reverse

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
ASKED = {"description", "owner_email", "contact_email"}


@pytest.fixture
def require(acme):
    both = {"require_description": True, "require_contact": True}
    return lambda: policy.change(acme, by=SYSTEM, **both)


@pytest.fixture
def page(client, alice, acme):
    """Return alice's way to the page: `page(key)` opens it, with `form` it is sent."""
    sign_in(client, alice)

    def page(key, form=None, **values):
        url = reverse("apikeys:rotate", args=[acme.pk, key.public_id])
        if form is None:
            return client.get(url)
        sent = {name: form[name].value() for name in form.fields} | values
        return client.post(url, {n: v for n, v in sent.items() if v is not None})

    return page


def notes(response):
    return " ".join(note.text for note in response.context["policy_notes"])


def test_nothing_is_asked_without_the_policy_or_if_the_key_has_it(page, issue, require):
    plain, _ = issue()
    key, _ = issue(description="Runs flows", contact_email="ops@team.example")
    assert not ASKED & set(page(plain).context["form"].fields)
    require()

    opened = page(key)

    assert not ASKED & set(opened.context["form"].fields)
    assert notes(opened) == ""


def test_what_is_missing_is_asked_for_and_given_to_the_successor(
    page, issue, require, alice
):
    key, _ = issue()
    require()
    opened = page(key)
    form = opened.context["form"]
    assert "requires a description of each key, and this key has none" in notes(opened)
    assert "requires an owner or a contact of each key" in notes(opened)
    assert form["owner_email"].value() == alice.email
    for name in ASKED:
        assert f'name="{name}"' in opened.text

    refused = page(key, form, owner_email="")
    assert set(refused.context["form"].errors) == {"description"}
    again = refused.context["form"]
    refused = page(key, again, description="Runs flows")
    assert set(refused.context["form"].errors) == {"contact_email"}
    assert not ApiKey.objects.filter(rotated_from=key).exists()
    page(key, refused.context["form"], owner_email=alice.email)

    successor = ApiKey.objects.get(rotated_from=key)
    assert (successor.description, successor.owner) == ("Runs flows", alice)
    assert ApiKey.objects.get(pk=key.pk).description == ""


def test_owner_and_contact_are_not_both_removed(page, issue, require, client):
    key, _ = issue(owner_email="alice@acme.example", description="Runs flows")
    require()
    url = reverse("apikeys:owner", args=[key.organization_id, key.public_id])

    refused = client.post(url, {"owner_email": "", "contact_email": ""})
    assert set(refused.context["form"].errors) == {"contact_email"}
    both = {"owner_email": "", "contact_email": "ops@team.example"}
    assert client.post(url, both).status_code == 302
