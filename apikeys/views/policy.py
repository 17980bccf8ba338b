"""The policy page: the limits, and a preview of the keys that a change concerns."""

from copy import copy

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.generic import FormView

from apikeys import policy
from apikeys.forms.policy import PolicyForm, facts
from apikeys.views.base import ApiKeysMixin, add_refusal
from apikeys.views.policy_preview import previews
from echopoint.core.refusals import Refused

STALE = (
    "The policy has changed since you opened this page. Check the current limits, then"
    " submit your change again."
)


class PolicyView(ApiKeysMixin, FormView):
    """Show or change the policy. A change shows a preview and needs confirmation."""

    post_permission = policy.UPDATE
    form_class = PolicyForm
    template_name = "apikeys/policy.html"
    extra_context = {"tab": "policy"}

    @property
    def requires_recent_sign_in(self):
        """Only changes need a recent sign-in."""
        return self.request.method == "POST"

    def get_success_url(self):
        return reverse("apikeys:policy", args=[self.organization.pk])

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"instance": copy(self.organization)}

    def get_context_data(self, **kwargs):
        may_change = policy.UPDATE in self.membership.permissions
        return super().get_context_data(
            facts=facts(self.organization), may_change=may_change, **kwargs
        )

    def form_valid(self, form):
        if form.is_stale():
            form = self.form_class(instance=copy(self.organization))
            return self.render_to_response(
                self.get_context_data(form=form, error=STALE)
            )
        if not form.changes():
            messages.info(
                self.request, "These are the current limits; nothing changed."
            )
            return HttpResponseRedirect(self.get_success_url())
        if "confirm" not in self.request.POST:
            return self.preview(form)
        return self.change(form)

    def preview(self, form):
        """Show the effect of the change and ask for confirmation."""
        found = previews(self.organization, form.limits, form.changed_limits())
        return self.render_to_response(
            self.get_context_data(
                form=form,
                changes=form.changes(),
                previews=found,
                deletes=form.shortens_retention(),
            ),
        )

    def change(self, form):
        try:
            policy.change(self.organization, by=self.actor, **form.limits)
        except Refused as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        text = (
            "The policy was changed. Lifetimes, the overlap, required fields, and limits on"
            " scopes and on the number of keys apply to keys that are created or rotated from"
            " now on."
        )
        messages.success(self.request, text)
        return HttpResponseRedirect(self.get_success_url())
