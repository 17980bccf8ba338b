"""The pages that revoke the keys of a family, or all keys that a person created."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.views.generic import FormView

from apikeys.audit.wording import count_in_words
from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.models import ApiKey
from apikeys.models.querysets import MAX_REVOKED
from apikeys.views.base import add_refusal
from apikeys.views.key import SingleKeyMixin
from echopoint.core.refusals import Refused

SHOWN = 50


class RevokeRelatedView(SingleKeyMixin, FormView):
    """Base of both pages. `get_queryset()` returns the keys to revoke."""

    permission = "api_key:delete"
    requires_recent_sign_in = True
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke_related.html"

    def get_queryset(self):
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
        # Ids first, because a slice cannot be locked in the order of locks.
        ids = self.get_queryset().order_by("pk").values_list("pk", flat=True)
        chosen = ApiKey.objects.for_org(self.organization).filter(
            pk__in=list(ids[:MAX_REVOKED])
        )
        try:
            revoked = chosen.revoke(by=self.actor, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        return self.report(len(revoked), self.get_queryset().count())

    def report(self, revoked, left):
        if left:
            many = f"{count_in_words(revoked, 'key')} revoked, {left:,} left. Continue."
            messages.warning(self.request, many)
            return HttpResponseRedirect(self.request.path)
        text = f"{count_in_words(revoked, 'key')} revoked."
        messages.success(
            self.request, text if revoked else "Nothing was left to revoke."
        )
        return HttpResponseRedirect(self.get_success_url())


class ApiKeyRevokeFamilyView(RevokeRelatedView):
    """Revoke a key, its predecessors and its successors."""

    extra_context = {"is_family": True}

    def get_queryset(self):
        return ApiKey.objects.of_family(self.key).unrevoked()


class ApiKeyRevokeCreatorView(RevokeRelatedView):
    """Revoke all keys that the person who created the key created."""

    def get_queryset(self):
        return ApiKey.objects.of_same_creator(self.key).unrevoked()
