"""The owner and the contact of a key, on its pages."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent, ContactAddress
from apikeys.views import related_keys
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
OPS = "ops@team.example"


@pytest.fixture
def visit(client, alice, acme):
    """Return a function that opens a page of a key, or submits its form, as alice."""
    sign_in(client, alice)

    def visit(name, key, data=None, organization=acme, **options):
        url = reverse(f"apikeys:{name}", args=[organization.pk, key.public_id])
        return client.get(url) if data is None else client.post(url, data, **options)

    return visit


@pytest.fixture
def listed(client, alice, acme):
    sign_in(client, alice)
    url = reverse("apikeys:list", args=[acme.pk])
    return lambda: " ".join(client.get(url).text.split())


@pytest.fixture
def key(issue, alice):
    return issue(name="Deploy", by=Actor.person(alice, via="page", is_fresh=True))[0]


def text_of(response):
    return " ".join(response.text.split())


def test_the_form_shows_what_is_stored_and_stores_what_is_chosen(visit, key, bob):
    key.set_contact_email(OPS, by=SYSTEM)
    form = visit("owner", key).context["form"]
    assert (form["owner_email"].value(), form["contact_email"].value()) == (
        "alice@acme.example",
        OPS,
    )

    page = visit(
        "owner",
        key,
        {"owner_email": bob.email, "contact_email": "dev@team.example"},
        follow=True,
    )

    assert "Owner: bob@acme.example. Contact: dev@team.example." in page.text
    stored = ApiKey.objects.get()
    assert (stored.owner, stored.contact_email) == (bob, "dev@team.example")


def test_only_members_are_offered(visit, key, bob, mallory):
    page = visit("owner", key)

    assert "bob@acme.example (member)" in page.text
    assert "mallory" not in page.text


def test_the_owner_is_typed_if_there_are_many_members(visit, key, bob, monkeypatch):
    monkeypatch.setattr("apikeys.forms.ownership.MAX_OPTIONS", 2)

    assert "<select" not in visit("owner", key).text
    visit("owner", key, {"owner_email": " BOB@acme.example"})

    assert ApiKey.objects.get().owner == bob


@pytest.mark.parametrize(
    "data",
    [
        {"owner_email": "mallory@globex.example", "contact_email": OPS},
        {"owner_email": "bob@acme.example", "contact_email": "a@b.example,c@d.example"},
        {
            "owner_email": "bob@acme.example",
            "contact_email": "a@b.example\r\nBcc: x@y.z",
        },
        {"owner_email": "x" * 300, "contact_email": OPS},
        {"owner_email": "\x00", "contact_email": "\x00"},
    ],
)
def test_an_invalid_form_changes_nothing_and_keeps_its_input(
    visit, key, bob, mallory, alice, data
):
    page = visit("owner", key, data)

    assert page.status_code == 200
    assert "Owner and contact were not changed" in page.text
    assert page.context["form"]["contact_email"].value() == data["contact_email"]
    stored = ApiKey.objects.get()
    assert (stored.owner, stored.contact_email) == (alice, "")
    assert not AuditEvent.objects.filter(action__contains="_changed").exists()


def test_a_revoked_key_has_no_form(visit, key):
    key.revoke(by=SYSTEM)

    assert visit("owner", key).status_code == 409
    assert visit("owner", key, {"owner_email": ""}).status_code == 409


def test_a_key_is_not_changed_through_another_organization(
    client, key, mallory, globex
):
    sign_in(client, mallory)
    for name in ("owner", "transfer_creator"):
        url = reverse(f"apikeys:{name}", args=[globex.pk, key.public_id])

        assert client.post(url, {"owner_email": mallory.email}).status_code == 404
    assert ApiKey.objects.get().owner == key.owner


def test_a_new_key_has_the_chosen_owner_and_contact(client, alice, acme, bob):
    sign_in(client, alice)
    url = reverse("apikeys:issue", args=[acme.pk])
    form = client.get(url).context["form"]
    assert form["owner_email"].value() == alice.email
    values = {"name": "New", "scopes": ["flows:read"], "expires_in_days": "90"}
    chosen = {"owner_email": bob.email, "contact_email": OPS}

    client.post(url, values | chosen | {"nonce": form["nonce"].value()})

    key = ApiKey.objects.get()
    assert (key.owner, key.contact_email) == (bob, OPS)


def test_the_page_of_a_key_names_owner_and_contact(visit, key, bob):
    key.set_owner(bob.email, by=SYSTEM)
    key.set_contact_email(OPS, by=SYSTEM)
    page = text_of(visit("detail", key))
    assert "Contact: ops@" in page
    assert (
        "Their role cannot manage keys, so an owner or admin has to rotate this key."
        in page
    )
    assert "E-mails to this address were stopped" not in page

    ContactAddress.objects.stop(OPS, by=SYSTEM)

    page = text_of(visit("detail", key))
    assert "E-mails to this address were stopped, so it gets no notices" in page


def test_the_pages_show_that_a_key_has_no_owner(visit, listed, key):
    assert "no owner" not in listed()

    key.set_owner(None, by=SYSTEM)

    page = text_of(visit("detail", key))
    assert "<strong>None</strong>" in page
    assert "Owners and admins receive its notices." in page
    assert "no owner" in listed()


def test_a_key_whose_creator_was_demoted_is_marked(visit, listed, issue, acme, olive):
    by = Actor.person(olive, via="page", is_fresh=True)
    key, _ = issue(by=by)
    assert "(cannot manage keys any more)" not in listed()
    membership = acme.memberships.get(user=olive)
    membership.role = "member"
    membership.put()

    page = text_of(visit("detail", key))

    assert "Cannot manage keys any more" in page
    assert "Their role in Acme is now member." in page
    assert f"/{key.public_id}/transfer-creator/" in page
    assert f"/{key.public_id}/revoke-creator/" in page
    assert "(cannot manage keys any more)" in listed()


def test_a_role_in_another_organization_marks_nothing(
    visit, listed, issue, globex, olive
):
    key, _ = issue(by=Actor.person(olive, via="page", is_fresh=True))
    globex.memberships.create(user=olive, role="member")

    assert "Cannot manage keys any more" not in visit("detail", key).text
    assert "(cannot manage keys any more)" not in listed()


def test_the_keys_of_a_creator_who_left_get_another_owner(
    visit, listed, issue, acme, globex, olive, bob, alice
):
    by = Actor.person(olive, via="page", is_fresh=True)
    keys = [issue(by=by, name=f"olive's {n}")[0] for n in range(2)]
    kept, _ = issue(by=by, owner_email=alice.email, name="of alice")
    revoked, _ = issue(by=by, name="revoked")
    revoked.revoke(by=SYSTEM)
    globex.memberships.create(user=olive, role="owner")
    theirs, _ = issue(by=by, organization=globex, name="theirs")
    acme.memberships.get(user=olive).end()
    assert "(left)" in listed()
    shown = visit("transfer_creator", keys[0])
    assert {key.name for key in shown.context["keys"]} == {"olive's 0", "olive's 1"}

    page = visit("transfer_creator", keys[0], {"owner_email": bob.email}, follow=True)

    assert "2 keys changed." in page.text
    owners = dict(ApiKey.objects.values_list("name", "owner"))
    assert owners == {
        "olive's 0": bob.pk,
        "olive's 1": bob.pk,
        "of alice": alice.pk,
        "revoked": None,
        "theirs": olive.pk,
    }
    assert "Nothing to change" in visit("transfer_creator", kept).text
    assert theirs.owner == olive


def test_many_keys_get_another_owner_in_parts(
    visit, issue, acme, olive, bob, monkeypatch
):
    monkeypatch.setattr(related_keys, "MAX_REVOKED", 2)
    by = Actor.person(olive, via="page", is_fresh=True)
    key = [issue(by=by)[0] for _ in range(3)][0]

    first = visit("transfer_creator", key, {"owner_email": bob.email}, follow=True)
    assert "2 keys changed, 1 left. Continue." in first.text
    last = visit("transfer_creator", key, {"owner_email": bob.email}, follow=True)

    assert "1 key changed." in last.text


@pytest.mark.parametrize("email", ["", "mallory@globex.example", "olive@acme.example"])
def test_a_new_owner_is_another_member(visit, issue, mallory, olive, email):
    key, _ = issue(by=Actor.person(olive, via="page", is_fresh=True))

    page = visit("transfer_creator", key, {"owner_email": email})

    assert "No key was changed" in page.text
    assert ApiKey.objects.get().owner == olive
