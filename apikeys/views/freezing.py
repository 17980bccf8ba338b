"""The pages that freeze all keys of an organization and end the freeze."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.views.generic import FormView

from apikeys import freezing
from apikeys.forms.freezing import FreezeForm, UnfreezeForm
from apikeys.models import ApiKey
from apikeys.views.base import ApiKeysMixin
from echopoint.core.refusals import Refused


class FreezeActionView(ApiKeysMixin, FormView):
    """Base of both pages. `perform()` makes the change and returns the message."""

    permission = freezing.FREEZE
    requires_recent_sign_in = True
    extra_context = {"tab": "keys"}

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"organization": self.organization}

    def perform(self, reason):
        raise NotImplementedError

    def form_valid(self, form):
        try:
            message = self.perform(form.cleaned_data["reason"])
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
            return self.form_invalid(form)
        messages.success(self.request, message)
        return HttpResponseRedirect(self.get_success_url())


class FreezeView(FreezeActionView):
    """Stop every key of the organization."""

    form_class = FreezeForm
    template_name = "apikeys/freeze.html"

    def get_context_data(self, **kwargs):
        keys = ApiKey.objects.for_org(self.organization).usable().order_by()
        count = keys[: freezing.MAX_COUNTED + 1].count()
        return super().get_context_data(
            count=min(count, freezing.MAX_COUNTED),
            has_more=count > freezing.MAX_COUNTED,
            **kwargs,
        )

    def perform(self, reason):
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
