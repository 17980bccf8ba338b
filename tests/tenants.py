"""Create users and organizations."""

from echopoint.organizations.models import Organization, User


def create_user(email):
    return User.objects.create_user(email, "correct horse battery")


def create_organization(name, member, role):
    """Create an organization without audit events, so that its chain begins with the test."""
    organization = Organization.objects.create(name=name)
    organization.memberships.create(user=member, role=role)
    return organization
