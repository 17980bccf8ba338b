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


def test_json_output_is_one_object(create):
    output = json.loads(create("Acme", "olive@acme.example", "--json"))

    organization, user = Organization.objects.get(), User.objects.get()
    assert output == {
        "id": organization.pk,
        "name": "Acme",
        "description": None,
        "user": {"id": user.pk, "email": "olive@acme.example", "created": True},
        "set_password": "manage.py changepassword olive@acme.example",
    }
    assert organization.memberships.get().user == user
    assert organization.memberships.get().role == "owner"


@pytest.mark.parametrize("email", ["olive@acme.example", "OLIVE@acme.EXAMPLE"])
def test_an_existing_user_is_reused(create, olive, email):
    output = json.loads(create("Acme", email, "--json"))

    assert output["user"] == {"id": olive.pk, "email": olive.email, "created": False}
    assert output["set_password"] is None
    assert User.objects.count() == 1


def test_a_new_owner_is_shown_how_to_set_a_password(create):
    out = create("Acme", "olive@acme.example")

    assert Organization.objects.get().pk in out
    assert "manage.py changepassword olive@acme.example" in out


def test_an_owner_with_a_password_is_not(create, olive):
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
def test_invalid_input_creates_nothing(create, capsys, name, owner, said):
    with pytest.raises(CommandError, match=said):
        create(name, owner)

    assert not User.objects.exists()
    assert not Organization.objects.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("argument", ["--name", "--owner"])
def test_name_and_owner_are_required(argument):
    with pytest.raises(CommandError, match="are required: --"):
        call_command("create_organization", argument, "x@acme.example")
