"""The pages that revoke the keys of a family, or all keys that a person created."""

from apikeys.audit.wording import count_in_words
from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.models import ApiKey
from apikeys.views.related_keys import RelatedKeysView


class RevokeRelatedView(RelatedKeysView):
    """Base of both pages."""

    permission = "api_key:delete"
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke_related.html"
    verb = "revoke"

    def perform(self, keys, **values):
        return keys.revoke(by=self.actor, **values)

    def words(self, count):
        return f"{count_in_words(count, 'key')} revoked"


class ApiKeyRevokeFamilyView(RevokeRelatedView):
    """Revoke a key, its predecessors and its successors."""

    extra_context = {"is_family": True}

    def get_queryset(self):
        return ApiKey.objects.of_family(self.key).unrevoked()


class ApiKeyRevokeCreatorView(RevokeRelatedView):
    """Revoke all keys that the person who created the key created."""

    def get_queryset(self):
        return ApiKey.objects.of_same_creator(self.key).unrevoked()
