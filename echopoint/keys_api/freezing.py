"""`/api-keys/freeze` and `/api-keys/unfreeze`: stop all keys of the organization."""

from rest_framework import serializers

from apikeys import freezing
from echopoint.api.actions import Action
from echopoint.api.fields import Label
from echopoint.api.viewsets import ApiViewSet
from echopoint.keys_api.serializers import ExactSerializer
from echopoint.organizations.models import Membership, Organization


class FreezeSerializer(serializers.Serializer):
    """The freeze of an organization's keys; `frozen_at` is null if there is none."""

    frozen_at = serializers.DateTimeField(allow_null=True)
    frozen_by = serializers.CharField(source="frozen_by_label")
    reason = serializers.CharField(source="freeze_reason")


class FreezeRequestSerializer(ExactSerializer):
    """A request to freeze all keys, or to end the freeze."""

    example = {"reason": "A laptop was stolen."}

    reason = Label(
        max_length=Organization._meta.get_field("freeze_reason").max_length,
        required=False,
        allow_blank=True,
    )


class FreezeViewSet(ApiViewSet):
    """The freeze of all keys of the organization."""

    tag = "API keys"
    accepts = (Membership,)
    serializer_class = FreezeSerializer
    api_actions = {
        "retrieve": Action(id="getAPIKeyFreeze", scopes=["api_key:read"]),
        "start": Action(
            id="freezeAPIKeys", scopes=[freezing.FREEZE], body=FreezeRequestSerializer
        ),
        "end": Action(
            id="unfreezeAPIKeys", scopes=[freezing.FREEZE], body=FreezeRequestSerializer
        ),
    }

    def retrieve(self, request):
        """Return whether all keys of the organization are frozen, and by whom."""
        return self.show(self.organization)

    def start(self, request):
        """Freeze all keys: every request with one is refused until the freeze ends.

        Meanwhile keys can be neither created nor rotated. Freezing twice changes nothing.
        """
        freezing.freeze(self.organization, by=self.actor, **self.body())
        return self.show(self.organization)

    def end(self, request):
        """End the freeze. Keys that were suspended on their own stay suspended."""
        freezing.unfreeze(self.organization, by=self.actor, **self.body())
        return self.show(self.organization)
