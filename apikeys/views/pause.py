"""The pages that suspend and resume a key."""

from apikeys.forms.rotation import ResumeApiKeyForm, SuspendApiKeyForm
from apikeys.models import ApiKey
from apikeys.models.querysets import WORKING
from apikeys.views.key import KeyActionView

Status = ApiKey.Status


class ApiKeySuspendView(KeyActionView):
    """Suspend a key."""

    form_class = SuspendApiKeyForm
    template_name = "apikeys/suspend.html"

    def unavailable_reason(self):
        state = self.key.own_state
        if state == Status.SUSPENDED:
            return "This key is already suspended."
        can_be = state in WORKING
        return "" if can_be else f"This key is {state}: it cannot be suspended."

    def perform(self, reason):
        if self.key.suspend(by=self.actor, reason=reason):
            return "The key is suspended. Requests with it are refused until it is resumed."
        return "The key was already suspended; nothing changed."


class ApiKeyResumeView(KeyActionView):
    """Resume a suspended key."""

    form_class = ResumeApiKeyForm
    template_name = "apikeys/resume.html"

    def unavailable_reason(self):
        if self.key.own_state == Status.SUSPENDED:
            return ""
        if self.key.state == Status.SUSPENDED:
            return "All keys are frozen. End the freeze instead."
        return f"This key is {self.key.state}, not suspended."

    def perform(self, reason):
        if not self.key.resume(by=self.actor, reason=reason):
            return "The key was not suspended; nothing changed."
        if self.key.works:
            return "The key is resumed. Requests with it work again."
        if self.key.state == Status.SUSPENDED:
            return "The key is resumed. Requests stay refused until the freeze ends."
        return f"The key is resumed, and it is {self.key.state}: requests stay refused."
