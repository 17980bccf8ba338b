"""The page that sets a key's rate limit."""

from apikeys.audit.wording import count_in_words
from apikeys.forms.limit import LimitApiKeyForm
from apikeys.views.key import KeyActionView


class ApiKeyLimitView(KeyActionView):
    """Change the rate limit of a key."""

    permission = "api_key:create"
    form_class = LimitApiKeyForm
    template_name = "apikeys/limit.html"

    def unavailable_reason(self):
        return "This key is revoked; this is final." if self.key.revoked_at else ""

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"key": self.key}

    def perform(self, requests_per_minute):
        if not self.key.limit_requests(requests_per_minute, by=self.actor):
            return "The key already has this limit; nothing changed."
        allowed = count_in_words(self.key.requests_allowed, "request")
        return f"The key may make {allowed} per minute from now on."
