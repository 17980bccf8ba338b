"""`GET /me`: the signed-in person, with organizations and permissions."""

from types import NoneType

from rest_framework import serializers

from apikeys.permissions import ANY_CALLER
from echopoint.api.actions import Action
from echopoint.api.viewsets import ApiViewSet
from echopoint.organizations.models import Membership


class CurrentUserOrganizationRoleSerializer(serializers.Serializer):
    """A role and its permissions."""

    id = serializers.CharField(source="role")
    name = serializers.CharField(source="get_role_display")
    permissions = serializers.SerializerMethodField()

    def get_permissions(self, membership) -> list[str]:
        return sorted(membership.permissions)


class CurrentUserOrganizationSerializer(serializers.Serializer):
    """An organization and the role of the person in it."""

    id = serializers.CharField(source="organization_id")
    name = serializers.CharField(source="organization.name")
    description = serializers.SerializerMethodField()
    role = CurrentUserOrganizationRoleSerializer(source="*")

    def get_description(self, membership) -> str | None:
        return membership.organization.description or None


class CurrentUserSerializer(serializers.Serializer):
    """A person and their organizations."""

    id = serializers.CharField()
    email = serializers.EmailField(allow_null=True)
    name = serializers.SerializerMethodField()
    user_id = serializers.CharField(source="id", allow_null=True)
    organizations = serializers.SerializerMethodField()

    def get_name(self, user) -> str | None:
        return user.name or None

    def get_organizations(self, user) -> CurrentUserOrganizationSerializer(many=True):
        memberships = user.memberships.select_related("organization")
        rows = memberships.order_by("organization__name", "pk")
        return CurrentUserOrganizationSerializer(rows, many=True).data


class CurrentUserResponseSerializer(serializers.Serializer):
    """The response of `GET /me`."""

    user = CurrentUserSerializer(source="*")
    membership_status = serializers.ChoiceField(choices=["PENDING_SYNC", "READY"])


class MeViewSet(ApiViewSet):
    """The signed-in person."""

    tag = "People"
    accepts = (NoneType, Membership)
    requires_organization = False
    serializer_class = CurrentUserResponseSerializer
    api_actions = {"retrieve": Action(id="getMe", scopes=ANY_CALLER)}

    def retrieve(self, request):
        """Return the signed-in person and the organizations they belong to."""
        # Memberships are stored here, not synchronized from another system, so they are
        # never pending.
        request.user.membership_status = "READY"
        return self.show(request.user)
