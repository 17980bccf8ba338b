"""Base of the views of one key."""

from django import forms
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import FormView

from apikeys.audit.timeline import timeline
from apikeys.exceptions import KeyConflict
from apikeys.last_execution import last_execution
from apikeys.models import ApiKey
from apikeys.views.base import ActionFormMixin, ApiKeysMixin


class SingleKeyMixin(ApiKeysMixin):
    """A view of one key of the organization."""

    def get_key(self):
        """Load the key from the database."""
        keys = ApiKey.objects.for_org(self.organization).with_people(self.organization)
        related = keys.select_related("rotated_from__organization")
        return get_object_or_404(related, public_id=self.kwargs["public_id"])

    @cached_property
    def key(self):
        """The key as loaded at the start of the request."""
        return self.get_key()

    @cached_property
    def last_execution(self):
        """Return the last execution published with the key, or None."""
        return last_execution(self.key)

    def get_success_url(self):
        return reverse(
            "apikeys:detail", args=[self.organization.pk, self.key.public_id]
        )

    def get_context_data(self, **kwargs):
        # TemplateView adds the URL arguments to the context. The organization id there
        # would hide the organization object.
        kwargs = {n: value for n, value in kwargs.items() if n not in self.kwargs}
        return super().get_context_data(key=self.key, api_url=self.api_url, **kwargs)

    def render_conflict(self, message):
        """Render a 409 page with the key's latest event."""
        key = self.get_key()
        return self.render_page(
            "apikeys/conflict.html",
            409,
            key=key,
            message=message,
            last=next(iter(timeline(key)), None),
        )


class KeyActionView(ActionFormMixin, SingleKeyMixin, FormView):
    """Base of confirmation pages."""

    permission = "api_key:delete"
    requires_recent_sign_in = True
    form_class = forms.Form
    NOT_ROTATING = "This key is not being rotated."

    def unavailable_reason(self):
        """Return why the action is not available, or an empty string."""
        raise NotImplementedError

    def get(self, request, *args, **kwargs):
        if reason := self.unavailable_reason():
            return self.render_conflict(reason)
        return super().get(request, *args, **kwargs)

    def form_invalid(self, form):
        """Report an unavailable action before any form errors."""
        if reason := self.unavailable_reason():
            return self.render_conflict(reason)
        return super().form_invalid(form)

    def refuse(self, form, refusal):
        if isinstance(refusal, KeyConflict):
            return self.render_conflict(refusal.message)
        return super().refuse(form, refusal)
