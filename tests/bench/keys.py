"""The key that is measured."""

from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.organizations.models import Organization, User


def owner():
    return User.objects.get_or_create(email="bench@example.com")[0]


def issue():
    """Return a new key of a new organization, with its secret."""
    return ApiKey.objects.issue(
        organization=Organization.objects.create_with_owner("Bench", owner()),
        name="bench",
        scopes=["flows:read"],
        by=Actor.command("bench"),
    )
