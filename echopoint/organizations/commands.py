"""What the management commands ask of organizations."""

from django.core.management.base import CommandError

from echopoint.core.redaction import cleaned
from echopoint.organizations.models import Organization


def organization_named(organization_id):
    """Return the organization with this id, or end the command with what to do."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        raise CommandError(
            f"There is no organization {cleaned(organization_id)}. Create one with"
            " create_organization, or copy the id (org_…) from the API Keys page."
        )
    return organization
