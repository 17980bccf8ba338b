"""The lookup of an organization for management commands."""

from django.core.management.base import CommandError

from echopoint.core.redaction import cleaned
from echopoint.organizations.models import Organization


def organization_named(organization_id, database=None):
    """Return the organization with this id; raise `CommandError`."""
    rows = Organization.objects.using(database)
    organization = rows.filter(pk=organization_id).first()
    if organization is None:
        raise CommandError(
            f"There is no organization {cleaned(organization_id)}. Create one with"
            " create_organization, or copy the id (org_…) from the API Keys page."
        )
    return organization
