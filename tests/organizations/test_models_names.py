"""Names of users and organizations are visible text in one canonical spelling."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from echopoint.organizations.models import Organization, User

INVISIBLE = ["\u2800", "A\u200bcme", "\u202eemcA", "Acme\u00ad", "\u3164"]


@pytest.mark.parametrize("name", INVISIBLE)
def test_an_organizations_name_can_be_seen(olive, name):
    with pytest.raises(ValidationError) as caught:
        Organization.objects.create_with_owner(name, olive)
    with pytest.raises(CommandError, match="invisible"):
        call_command("create_organization", name=name, owner=olive.email)

    assert "invisible" in str(caught.value.message_dict["name"])
    assert not Organization.objects.exists()


def test_a_description_may_have_lines_and_directions(acme):
    acme.description = "two\nlines \u200f"

    acme.full_clean()


@pytest.mark.parametrize(
    "email",
    ["bo\u200bss@acme.example", "boss@ac\u200bme.example", "boss@ac\u00adme.example"],
)
def test_a_look_alike_address_is_refused(db, email):
    User.objects.create_user("boss@acme.example")

    with pytest.raises(ValidationError):
        User.objects.create_user(email)


@pytest.mark.parametrize(
    "email",
    ["zoe@ＡＣＭＥ.example", "zoe@\uff41cme.example", "ZOE@acme.example"],
)
def test_an_address_has_one_spelling(db, email):
    zoe = User.objects.create_user("zoe@acme.example")

    with pytest.raises(ValidationError, match="exists already|already exists"):
        User.objects.create_user(email)

    assert User.objects.get_by_natural_key(email) == zoe


def test_an_accent_apart_is_the_same_address(db):
    zoe = User.objects.create_user("zoe@exa\u0308mple.example")

    assert zoe.email == "zoe@exämple.example"
    zoe.email = "ZOE@EXA\u0308MPLE.example"
    zoe.save()
    zoe.refresh_from_db()
    assert zoe.email == "zoe@exämple.example"


def test_who_signs_up_gets_the_one_spelling(client, db, settings):
    settings.OPEN_SIGN_UP = True
    typed = {"password1": "a long passphrase", "password2": "a long passphrase"}

    client.post("/accounts/signup/", {"email": "zoe@exa\u0308mple.example"} | typed)
    refused = client.post("/accounts/signup/", {"email": "zo\u200be@a.example"} | typed)

    assert User.objects.get().email == "zoe@exämple.example"
    assert EmailAddress.objects.get().email == "zoe@exämple.example"
    assert refused.status_code == 200
