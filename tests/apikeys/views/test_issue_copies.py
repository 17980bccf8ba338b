"""A new key with the settings of another one, and what the policy requires of it."""

import pytest
from django.urls import reverse

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
OPS = "ops@team.example"


@pytest.fixture
def page(client, alice, acme):
    """Return alice's way to the page: `page(like=key)` opens it, with `form` it is sent."""
    sign_in(client, alice)
    url = reverse("apikeys:issue", args=[acme.pk])

    def page(like=None, form=None, **values):
        found = like and getattr(like, "public_id", like)
        path = f"{url}?like={found}" if like else url
        if form is None:
            return client.get(path)
        sent = {name: form[name].value() for name in form.fields} | values
        return client.post(path, {n: v for n, v in sent.items() if v is not None})

    return page


@pytest.fixture
def original(issue):
    key, _ = issue(
        "flows:read",
        "flows:execute",
        name="CI",
        expires_in_days=45,
        description="Runs the flows",
        allowed_networks=["192.0.2.0/24", "::1"],
        contact_email=OPS,
        requests_per_minute=40,
    )
    return key


def notes(response):
    return " ".join(note.text for note in response.context["policy_notes"])


def test_a_duplicate_has_the_settings_but_not_the_name_and_secret(
    page, original, client, alice
):
    link = f'href="{reverse("apikeys:issue", args=[original.organization_id])}?like='
    assert f"{link}{original.public_id}" in client.get(original.get_absolute_url()).text
    opened = page(original)
    form = opened.context["form"]
    assert not form["name"].value()
    assert "The form has the settings of CI" in notes(opened)
    assert original.digest not in opened.text

    assert page(original, form, name="CI 2").status_code == 200

    new = ApiKey.objects.get(name="CI 2")
    for field in ("scopes", "description", "contact_email", "requests_per_minute"):
        assert getattr(new, field) == getattr(original, field), field
    assert new.allowed_networks == original.allowed_networks
    assert (new.expires_at - new.created_at).days == 45
    assert (new.owner, new.rotated_from, original.owner) == (alice, None, None)
    assert new.family_id != original.family_id


def test_a_revoked_key_can_be_duplicated(page, original, client):
    original.revoke(by=SYSTEM)

    assert "?like=" in client.get(original.get_absolute_url()).text
    assert page(original).context["form"]["description"].value() == "Runs the flows"


def test_scopes_that_may_not_be_granted_are_left_out_and_named(page, original, acme):
    policy.change(acme, by=SYSTEM, admin_scopes=["flows:read"])
    ApiKey.objects.filter(pk=original.pk).update(
        scopes=["flows:execute", "flows:fly", "flows:read"]
    )

    opened = page(original)

    assert opened.context["form"].chosen_scopes() == ["flows:read"]
    assert "because you may not grant them: flows:execute." in notes(opened)
    assert "no longer in the scope catalog: flows:fly." in notes(opened)


def test_a_list_that_cannot_be_read_is_reported(page, original):
    ApiKey.objects.filter(pk=original.pk).update(allow_list="unreadable")

    opened = page(original)

    assert opened.context["form"]["allowed_networks"].value() == ""
    assert "cannot be read" in notes(opened)


def test_an_expiry_beyond_the_policy_becomes_its_maximum(page, issue, acme):
    key, _ = issue(expires_in_days=300)
    policy.change(acme, by=SYSTEM, max_lifetime_days=100)

    assert page(key).context["form"]["expires_in_days"].value() == "100"


@pytest.mark.parametrize("like", ["nothing", "%00", "a%20b", "é"])
def test_an_unknown_key_is_not_found(page, like):
    assert page(like).status_code == 404


def test_a_key_of_another_organization_is_not_found(page, issue, globex):
    assert page(issue(organization=globex)[0]).status_code == 404


def test_a_preset_changes_the_scopes_alone(page, original, bob):
    form = page(original).context["form"]

    typed = {"name": "typed", "description": "other", "owner_email": bob.email}
    changed = page(original, form, preset="ci", **typed).context["form"]

    chosen = {"flows:execute", "flows:read", "runner:complete"}
    assert {*changed.chosen_scopes()} == chosen
    assert {name: changed[name].value() for name in typed} == typed
    assert changed["requests_per_minute"].value() == "40"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "9" * 30, "1.5"])
def test_an_invalid_limit_creates_no_key(page, original, limit):
    form = page(original).context["form"]

    response = page(original, form, name="CI 2", requests_per_minute=limit)

    assert set(response.context["form"].errors) == {"requests_per_minute"}
    assert ApiKey.objects.count() == 1


def test_what_the_policy_requires_is_asked_for(page, acme):
    policy.change(acme, by=SYSTEM, require_description=True, require_contact=True)
    opened = page()
    assert "requires an owner or a contact of each key" in notes(opened)
    filled = {"name": "CI", "scopes": ["flows:read"], "owner_email": ""}

    no_description = page(None, opened.context["form"], **filled)
    no_contact = page(
        None, no_description.context["form"], **filled, description="Runs flows"
    )

    assert set(no_description.context["form"].errors) == {"description"}
    assert set(no_contact.context["form"].errors) == {"contact_email"}
    assert no_contact.context["form"]["description"].value() == "Runs flows"
    assert not ApiKey.objects.exists()
    again = no_contact.context["form"]
    page(None, again, contact_email=OPS)
    assert ApiKey.objects.get().contact_email == OPS
