"""The command that creates an organization."""

import json

import pytest
from django.core.management import CommandError, call_command

from echopoint.organizations.models import Organization, User


@pytest.fixture
def create(db, capsys):
    """Return a function that runs the command and returns what it wrote."""

    def create(name, owner, *arguments):
        call_command(
            "create_organization", "--name", name, "--owner", owner, *arguments
        )
        return capsys.readouterr().out

    return create


def test_an_organization_is_told_in_one_object(create):
    told = json.loads(create("Acme", "olive@acme.example", "--json"))

    organization, user = Organization.objects.get(), User.objects.get()
    assert told == {
        "id": organization.pk,
        "name": "Acme",
        "description": None,
        "user": {"id": user.pk, "email": "olive@acme.example", "created": True},
        "set_password": "manage.py changepassword olive@acme.example",
    }
    assert organization.memberships.get().user == user
    assert organization.memberships.get().role == "owner"


@pytest.mark.parametrize("email", ["olive@acme.example", "OLIVE@acme.EXAMPLE"])
def test_a_user_who_is_known_is_not_made_again(create, olive, email):
    told = json.loads(create("Acme", email, "--json"))

    assert told["user"] == {"id": olive.pk, "email": olive.email, "created": False}
    assert told["set_password"] is None
    assert User.objects.count() == 1


def test_people_are_told_how_to_set_the_password(create):
    out = create("Acme", "olive@acme.example")

    assert Organization.objects.get().pk in out
    assert "manage.py changepassword olive@acme.example" in out


def test_people_who_have_one_are_not(create, olive):
    assert "password" not in create("Acme", olive.email)


@pytest.mark.parametrize(
    ("name", "owner", "said"),
    [
        ("Acme", "olive", "valid email"),
        ("", "olive@acme.example", "cannot be blank"),
        (" ", "olive@acme.example", "cannot be blank"),
        ("n" * 256, "olive@acme.example", "at most 255"),
    ],
)
def test_what_cannot_be_created_leaves_nothing_behind(
    create, capsys, name, owner, said
):
    with pytest.raises(CommandError, match=said):
        create(name, owner)

    assert not User.objects.exists()
    assert not Organization.objects.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("argument", ["--name", "--owner"])
def test_name_and_owner_are_asked_for(argument):
    with pytest.raises(CommandError, match="are required: --"):
        call_command("create_organization", argument, "x@acme.example")
