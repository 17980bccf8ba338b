"""The API Keys pages."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView

from apikeys.actors import Actor
from apikeys.exceptions import Refused
from apikeys.forms.issue import IssueApiKeyForm, RevokeApiKeyForm
from apikeys.models import ApiKey
from apikeys.scopes import PRESETS
from apikeys.views.secret_once import SecretOnceMixin
from echopoint.organizations.views import OrgViewMixin


class ApiKeyPage(OrgViewMixin):
    """A page of the keys of an organization."""

    permission = "api_key:read"

    def get_success_url(self):
        return reverse("apikeys:list", args=[self.organization.pk])

    @method_decorator(never_cache)
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)

    @property
    def actor(self):
        """Return who acts, for the audit."""
        return Actor.from_request(self.request, via="page")

    def show(self, template, status, **context):
        """Answer with a page that is not the view's own."""
        context |= {"organization": self.organization, "membership": self.membership}
        context["api_url"] = self.api_url
        return render(self.request, template, context, status=status)

    @property
    def api_url(self):
        """Return where programs reach the API, without a slash at the end."""
        return self.request.build_absolute_uri("/").rstrip("/")


class ApiKeyIssueView(SecretOnceMixin, ApiKeyPage, FormView):
    """Create a key. The secret is in the answer to this POST, and nowhere after."""

    permission = "api_key:create"
    needs_fresh = True
    form_class = IssueApiKeyForm
    template_name = "apikeys/issue.html"

    def form_options(self):
        return {"organization": self.organization}

    def get_initial(self):
        """Start from the preset that the link named; what was typed counts more."""
        named = self.request.GET.get("preset") if self.request.method == "GET" else None
        preset = PRESETS.get(named)
        start = {"scopes": preset.scopes} if preset else {}
        return start | super().get_initial()

    def post(self, request, *args, **kwargs):
        preset = PRESETS.get(request.POST.get("preset", ""))
        if preset is None:
            return super().post(request, *args, **kwargs)
        return self.again(scopes=preset.scopes)

    def make(self, **values):
        return ApiKey.objects.issue(
            organization=self.organization, by=self.actor, **values
        )


class ApiKeyRevokeView(ApiKeyPage, FormView):
    """Stop a key for good, after asking."""

    permission = "api_key:delete"
    needs_fresh = True
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
            form.add_error(refusal.field, refusal.message)
            return self.form_invalid(form)
        text = f"{key.name} is revoked."
        if worked:
            text += " Requests with it are refused from now on."
        if not revoked:
            text = f"{key.name} was revoked before; nothing changed."
        messages.success(self.request, text)
        return HttpResponseRedirect(self.get_success_url())
