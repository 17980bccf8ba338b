"""What the pages of one key share."""

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import FormView

from apikeys.audit.timeline import timeline
from apikeys.exceptions import KeyConflict
from apikeys.last_execution import last_run
from apikeys.models import ApiKey
from apikeys.views.base import ApiKeyPage
from echopoint.core.refusals import Refused


class KeyPage(ApiKeyPage):
    """A page of one key of the organization."""

    def get_key(self):
        """Return the key as it is now."""
        members = self.organization.memberships.filter(user=OuterRef("created_by"))
        keys = ApiKey.objects.for_org(self.organization).annotate(
            creator_is_member=Exists(members)
        )
        related = keys.select_related("organization", "rotated_from")
        return get_object_or_404(related, public_id=self.kwargs["public_id"])

    @cached_property
    def key(self):
        """Return the key as it was when the request came."""
        return self.get_key()

    @cached_property
    def key_run(self):
        """Return the last run that the key published, or None, for pages that show it."""
        return last_run(self.key)

    def get_success_url(self):
        return reverse(
            "apikeys:detail", args=[self.organization.pk, self.key.public_id]
        )

    def get_context_data(self, **kwargs):
        # TemplateView hands on what the path holds; an id is not the organization.
        kwargs = {n: value for n, value in kwargs.items() if n not in self.kwargs}
        return super().get_context_data(key=self.key, api_url=self.api_url, **kwargs)

    def conflict(self, message):
        """Say that nothing was done, and what happened to the key last."""
        key = self.get_key()
        return self.show(
            "apikeys/conflict.html",
            409,
            key=key,
            message=message,
            last=next(iter(timeline(key)), None),
        )


class KeyVerbView(KeyPage, FormView):
    """A change of a key that is asked for once more; `act` makes it and says so."""

    permission = "api_key:delete"
    needs_fresh = True
    form_class = forms.Form
    not_rotating = "This key is not being rotated."

    def obstacle(self):
        """Return why there is nothing to ask for this key, or an empty string."""
        raise NotImplementedError

    def act(self, **values):
        """Change the key; return what to tell."""
        raise NotImplementedError

    def get(self, request, *args, **kwargs):
        if why := self.obstacle():
            return self.conflict(why)
        return super().get(request, *args, **kwargs)

    def form_invalid(self, form):
        """Say first what stands against the change, whatever was typed."""
        if why := self.obstacle():
            return self.conflict(why)
        return super().form_invalid(form)

    def form_valid(self, form):
        try:
            text = self.act(**form.cleaned_data)
        except KeyConflict as conflict:
            return self.conflict(conflict.message)
        except Refused as refusal:
            known = refusal.field in form.fields
            form.add_error(refusal.field if known else None, refusal.message)
            return self.form_invalid(form)
        messages.success(self.request, text)
        return HttpResponseRedirect(self.get_success_url())
