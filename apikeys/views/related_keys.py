"""Base of the pages that change several keys related to the key in the URL."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.views.generic import FormView

from apikeys.models import ApiKey
from apikeys.models.querysets import MAX_REVOKED
from apikeys.views.base import add_refusal
from apikeys.views.key import SingleKeyMixin
from echopoint.core.refusals import Refused

SHOWN = 50


class RelatedKeysView(SingleKeyMixin, FormView):
    """Change at most `MAX_REVOKED` keys at a time.

    `get_queryset()` returns the keys that are still to be changed, `perform(keys, …)` changes
    these keys and returns the changed ones, and `words(count)` returns the message about them.
    """

    requires_recent_sign_in = True
    verb = "change"

    def get_queryset(self):
        raise NotImplementedError

    def perform(self, keys, **values):
        raise NotImplementedError

    def words(self, count):
        raise NotImplementedError

    def get_context_data(self, **kwargs):
        keys = self.get_queryset()
        shown = list(keys.order_by("name_key", "pk")[:SHOWN])
        return super().get_context_data(
            keys=shown,
            count=keys.count(),
            most=MAX_REVOKED,
            any_works=any(key.works for key in shown),
            **kwargs,
        )

    def form_valid(self, form):
        # Select ids first, because a slice cannot be locked in lock order.
        ids = self.get_queryset().order_by("pk").values_list("pk", flat=True)
        chosen = ApiKey.objects.for_org(self.organization).filter(
            pk__in=list(ids[:MAX_REVOKED])
        )
        try:
            changed = self.perform(chosen, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        return self.report(len(changed), self.get_queryset().count())

    def report(self, changed, left):
        if left:
            many = f"{self.words(changed)}, {left:,} left. Continue."
            messages.warning(self.request, many)
            return HttpResponseRedirect(self.request.path)
        text = f"{self.words(changed)}."
        nothing = f"There was nothing left to {self.verb}."
        messages.success(self.request, text if changed else nothing)
        return HttpResponseRedirect(self.get_success_url())
