"""The page that creates a key."""

from django.views.generic import FormView

from apikeys.forms.issue import IssueApiKeyForm
from apikeys.models import ApiKey
from apikeys.scopes import PRESETS
from apikeys.views.base import ApiKeysMixin
from apikeys.views.policy_notes import notes_of_issue
from apikeys.views.secret_once import CreateKeyMixin


class ApiKeyIssueView(CreateKeyMixin, ApiKeysMixin, FormView):
    """Create a key. Only the response to this POST contains the secret."""

    permission = "api_key:create"
    requires_recent_sign_in = True
    form_class = IssueApiKeyForm
    template_name = "apikeys/issue.html"

    def form_options(self):
        return {"organization": self.organization}

    def get_context_data(self, **kwargs):
        notes = notes_of_issue(self.organization, self.membership.role)
        return super().get_context_data(policy_notes=notes, **kwargs)

    def get_initial(self):
        """Preselect the preset in the URL; a resubmitted form overrides it."""
        name = self.request.GET.get("preset") if self.request.method == "GET" else None
        preset = PRESETS.get(name)
        start = {"owner_email": self.request.user.email}
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
