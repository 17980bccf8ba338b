"""The page that creates a key."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.views.generic import FormView

from apikeys.duplicating import settings_like
from apikeys.forms.issue import NO_EXPIRY, IssueApiKeyForm
from apikeys.models import ApiKey
from apikeys.scopes import PRESETS
from apikeys.views.base import ApiKeysMixin
from apikeys.views.policy_notes import notes_of_copy, notes_of_issue
from apikeys.views.secret_once import CreateKeyMixin


class ApiKeyIssueView(CreateKeyMixin, ApiKeysMixin, FormView):
    """Create a key. Only the response to this POST contains the secret.

    `?like=` in the URL starts the form with the settings of another key.
    """

    permission = "api_key:create"
    requires_recent_sign_in = True
    form_class = IssueApiKeyForm
    template_name = "apikeys/issue.html"

    @cached_property
    def original(self):
        """Return the key whose settings the form starts with, or None."""
        public_id = self.request.GET.get("like")
        if not public_id:
            return None
        if not (public_id.isascii() and public_id.isalnum()):
            raise Http404  # the database refuses some texts
        keys = ApiKey.objects.for_org(self.organization)
        return get_object_or_404(keys, public_id=public_id)

    @cached_property
    def copied(self):
        return self.original and settings_like(self.original, self.membership)

    def form_options(self):
        days = self.copied and self.copied.lifetime
        return {"organization": self.organization, "lifetimes": [days] if days else []}

    def get_context_data(self, **kwargs):
        notes = notes_of_issue(self.organization, self.membership.role)
        if self.original:
            notes = [*notes_of_copy(self.original, self.copied), *notes]
        return super().get_context_data(policy_notes=notes, **kwargs)

    def get_initial(self):
        """Start with the key or the preset in the URL; a resubmitted form overrides it."""
        name = self.request.GET.get("preset") if self.request.method == "GET" else None
        preset = PRESETS.get(name)
        start = {"owner_email": self.request.user.email}
        if self.original:
            start |= initial_like(self.original, self.copied)
        if preset:
            start["scopes"] = preset.scopes
        return start | super().get_initial()

    def post(self, request, *args, **kwargs):
        preset = PRESETS.get(request.POST.get("preset", ""))
        if preset is None:
            return super().post(request, *args, **kwargs)
        return self.rerender(scopes=preset.scopes)

    def make(self, **values):
        return ApiKey.objects.issue(
            organization=self.organization, by=self.actor, **values
        )


def initial_like(key, copied):
    """Return the initial values of the form for a key like this one. The name is left empty."""
    return {
        "description": key.description,
        "scopes": copied.scopes,
        "expires_in_days": str(copied.lifetime or NO_EXPIRY),
        "contact_email": key.contact_email,
        "allowed_networks": "\n".join(copied.networks),
        "requests_per_minute": key.requests_per_minute,
    }
