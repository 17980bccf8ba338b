"""`/network-ranges`: networks that lists of keys refer to by name."""

from rest_framework import serializers
from rest_framework.response import Response

from apikeys.models import NetworkRange
from apikeys.models.network_range import NAME_LENGTH
from echopoint.api.actions import Action, Many
from echopoint.api.fields import Name
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.keys_api.serializers import ExactSerializer, NetworksField
from echopoint.organizations.models import Membership


class NetworkRangeSerializer(serializers.Serializer):
    """A named range of the organization."""

    id = serializers.CharField()
    name = serializers.CharField()
    networks = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class NetworkRangeCreateRequestSerializer(ExactSerializer):
    """A request to create a range."""

    example = {"name": "Office", "networks": ["203.0.113.0/24", "2001:db8::/32"]}

    name = Name(max_length=NAME_LENGTH)
    networks = NetworksField()


class NetworkRangeUpdateRequestSerializer(ExactSerializer):
    """A request to replace the networks of a range. Its name stays: keys refer to it."""

    example = {"networks": ["203.0.113.0/24", "198.51.100.7"]}

    networks = NetworksField()


class NetworkRangeViewSet(OrgScopedViewSet):
    """The named ranges of the organization, which lists of its keys refer to."""

    tag = "API keys"
    accepts = (Membership,)
    queryset = NetworkRange.objects.order_by("name_key")
    serializer_class = NetworkRangeSerializer
    api_actions = {
        "list": Action(
            id="listNetworkRanges", scopes=["api_key:read"], many=Many.PAGED
        ),
        "create": Action(
            id="createNetworkRange",
            scopes=["api_key:create"],
            body=NetworkRangeCreateRequestSerializer,
            status=201,
            conflicts=True,
        ),
        "retrieve": Action(id="getNetworkRange", scopes=["api_key:read"]),
        "update": Action(
            id="updateNetworkRange",
            scopes=["api_key:create"],
            body=NetworkRangeUpdateRequestSerializer,
            conflicts=True,
        ),
        "destroy": Action(
            id="deleteNetworkRange",
            scopes=["api_key:delete"],
            status=204,
            conflicts=True,
        ),
    }

    def create(self, request):
        row = NetworkRange.objects.add(self.organization, by=self.actor, **self.body())
        return self.show(row, 201)

    def update(self, request, id):
        """Replace the networks, also for the keys that refer to the range.

        Networks that were not in the range before need a recent sign-in.
        """
        row = self.get_object()
        row.change(self.body()["networks"], by=self.actor)
        return self.show(row)

    def destroy(self, request, id):
        """Delete the range. While lists of keys refer to it, that is a conflict."""
        self.get_object().remove(by=self.actor)
        return Response(status=204)
