"""Pages that set the owner of one key, or of all keys that a person created."""

from apikeys.audit.wording import count_in_words
from apikeys.exceptions import InvalidKeyRequest
from apikeys.forms.ownership import NewOwnerForm, OwnershipForm
from apikeys.models import ApiKey
from apikeys.models.usability import REVOKED
from apikeys.views.key import KeyActionView
from apikeys.views.related_keys import RelatedKeysView
from echopoint.organizations.models import User

THE_CREATOR = "This member created the keys. Choose another member."


class ApiKeyOwnershipView(KeyActionView):
    """Change the owner and the contact of a key."""

    permission = "api_key:create"
    form_class = OwnershipForm
    template_name = "apikeys/ownership.html"

    def unavailable_reason(self):
        return REVOKED if self.key.revoked_at else ""

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"organization": self.organization}

    def get_initial(self):
        now = {name: getattr(self.key, name) for name in OwnershipForm.base_fields}
        return now | super().get_initial()

    def perform(self, **people):
        if not self.key.set_ownership(**people, by=self.actor):
            return "The key already has this owner and contact; nothing changed."
        owner, contact = self.key.owner_email, self.key.contact_email
        return f"Owner: {owner or 'none'}. Contact: {contact or 'none'}."


class ApiKeyTransferView(RelatedKeysView):
    """Set another owner for the keys that a person created and that no other member owns."""

    permission = "api_key:create"
    form_class = NewOwnerForm
    template_name = "apikeys/transfer.html"

    def get_queryset(self):
        return ApiKey.objects.of_same_creator(self.key).unrevoked().without_new_owner()

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"organization": self.organization}

    def perform(self, keys, owner_email):
        creator = self.key.created_by
        if creator and User.objects.normalize_email(owner_email) == creator.email:
            raise InvalidKeyRequest("owner_email", THE_CREATOR)
        return keys.give_to(self.organization, owner_email, by=self.actor)

    def words(self, count):
        return f"{count_in_words(count, 'key')} changed"
