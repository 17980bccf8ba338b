"""The pages that freeze all keys of an organization and end the freeze."""

from django.views.generic import FormView

from apikeys import freezing
from apikeys.forms.freezing import FreezeForm, UnfreezeForm
from apikeys.views.base import ActionFormMixin, ApiKeysMixin


class FreezeActionView(ActionFormMixin, ApiKeysMixin, FormView):
    """Base of both pages."""

    permission = freezing.FREEZE
    requires_recent_sign_in = True
    extra_context = {"tab": "keys"}

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"organization": self.organization}


class FreezeView(FreezeActionView):
    """Stop every key of the organization."""

    form_class = FreezeForm
    template_name = "apikeys/freeze.html"

    def get_context_data(self, **kwargs):
        count, has_more = freezing.count_usable(self.organization)
        return super().get_context_data(count=count, has_more=has_more, **kwargs)

    def perform(self, confirm, reason):
        if freezing.freeze(self.organization, by=self.actor, reason=reason):
            return "All keys are frozen. Requests with them are refused from now on."
        return "The keys were already frozen; nothing changed."


class UnfreezeView(FreezeActionView):
    """End the freeze."""

    form_class = UnfreezeForm
    template_name = "apikeys/unfreeze.html"

    def perform(self, reason):
        if freezing.unfreeze(self.organization, by=self.actor, reason=reason):
            return "The freeze is over. Keys that were suspended on their own stay suspended."
        return "The keys were not frozen; nothing changed."
