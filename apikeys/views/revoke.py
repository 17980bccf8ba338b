"""The page that revokes one key."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.generic import FormView

from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.models import ApiKey
from apikeys.views.base import ApiKeysMixin, add_refusal
from echopoint.core.refusals import Refused


class ApiKeyRevokeView(ApiKeysMixin, FormView):
    """Revoke a key, after confirmation."""

    permission = "api_key:delete"
    requires_recent_sign_in = True
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke.html"

    def get_key(self):
        keys = ApiKey.objects.for_org(self.organization)
        return get_object_or_404(keys, public_id=self.kwargs["public_id"])

    def get_context_data(self, **kwargs):
        return super().get_context_data(key=self.get_key(), **kwargs)

    def form_valid(self, form):
        key = self.get_key()
        worked = key.works
        try:
            revoked = key.revoke(by=self.actor, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        text = f"{key.name} is revoked."
        if worked:
            text += " Requests with it are refused from now on."
        if not revoked:
            text = f"{key.name} was already revoked; nothing changed."
        messages.success(self.request, text)
        return HttpResponseRedirect(self.get_success_url())
