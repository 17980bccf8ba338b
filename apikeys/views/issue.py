"""The page that creates a key."""

from django.views.generic import FormView

from apikeys.forms.issue import IssueApiKeyForm
from apikeys.models import ApiKey
from apikeys.scopes import PRESETS
from apikeys.views.base import ApiKeyPage
from apikeys.views.secret_once import SecretOnceMixin


class ApiKeyIssueView(SecretOnceMixin, ApiKeyPage, FormView):
    """Create a key. The secret is in the answer to this POST, and nowhere after."""

    permission = "api_key:create"
    needs_fresh = True
    form_class = IssueApiKeyForm
    template_name = "apikeys/issue.html"

    def form_options(self):
        return {"organization": self.organization}

    def get_initial(self):
        """Start from the preset that the link named; what was typed counts more."""
        named = self.request.GET.get("preset") if self.request.method == "GET" else None
        preset = PRESETS.get(named)
        start = {"scopes": preset.scopes} if preset else {}
        return start | super().get_initial()

    def post(self, request, *args, **kwargs):
        preset = PRESETS.get(request.POST.get("preset", ""))
        if preset is None:
            return super().post(request, *args, **kwargs)
        return self.again(scopes=preset.scopes)

    def make(self, **values):
        return ApiKey.objects.issue(
            organization=self.organization, by=self.actor, **values
        )
