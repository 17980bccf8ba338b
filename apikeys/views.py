"""The API Keys pages."""

from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, ListView

from apikeys.actors import Actor
from apikeys.exceptions import Refused
from apikeys.forms import IssueApiKeyForm, RevokeApiKeyForm
from apikeys.models import ApiKey, SpentNonce
from apikeys.models.nonce import SpentForm, StaleForm
from apikeys.scopes import PRESETS
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


class ApiKeyListView(ApiKeyPage, ListView):
    """The keys; revoked ones when they are asked for."""

    template_name = "apikeys/list.html"
    context_object_name = "keys"
    paginate_by = 50

    def get_queryset(self):
        members = self.organization.memberships.filter(user=OuterRef("created_by"))
        keys = ApiKey.objects.for_org(self.organization).annotate(
            creator_is_member=Exists(members)
        )
        if "revoked" not in self.request.GET:
            keys = keys.unrevoked()
        return keys.order_by("-created_at", "-pk")


class ApiKeyIssueView(ApiKeyPage, FormView):
    """Create a key. The secret is in the answer to this POST, and nowhere after."""

    permission = "api_key:create"
    form_class = IssueApiKeyForm
    template_name = "apikeys/issue.html"

    def get_initial(self):
        return {"nonce": SpentNonce.objects.issue()}

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"organization": self.organization}

    def post(self, request, *args, **kwargs):
        preset = PRESETS.get(request.POST.get("preset", ""))
        if preset is None:
            return super().post(request, *args, **kwargs)
        return self.again(scopes=preset.scopes)

    def again(self, error=None, **values):
        """Show the form once more with all that was typed, and these values instead."""
        typed = self.request.POST.dict() | {
            "scopes": self.request.POST.getlist("scopes")
        }
        form = self.form_class(
            initial=typed | self.get_initial() | values, organization=self.organization
        )
        return self.render_to_response(self.get_context_data(form=form, error=error))

    def form_valid(self, form):
        values = form.cleaned_data
        nonce = values.pop("nonce")
        try:
            with transaction.atomic():
                submission = SpentNonce.objects.spend(nonce)
                key, secret = ApiKey.objects.issue(
                    organization=self.organization, by=self.actor, **values
                )
                submission.made(key)
        except StaleForm:
            return self.again(error="This form was open for too long. Send it again.")
        except SpentForm as spent:
            return self.show("apikeys/issued_before.html", 409, key=spent.key)
        except Refused as refusal:
            form.add_error(refusal.field or "scopes", refusal.message)
            return self.form_invalid(form)
        return self.show_secret(key, secret)

    def show_secret(self, key, secret):
        response = self.show("apikeys/issued.html", 200, key=key, secret=secret)
        response["Referrer-Policy"] = "no-referrer"
        return response

    def show(self, template, status, **context):
        context |= {"organization": self.organization, "membership": self.membership}
        context["api_url"] = self.request.build_absolute_uri("/").rstrip("/")
        return render(self.request, template, context, status=status)


class ApiKeyRevokeView(ApiKeyPage, FormView):
    """Stop a key for good, after asking."""

    permission = "api_key:delete"
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke.html"

    def get_key(self):
        keys = ApiKey.objects.for_org(self.organization)
        return get_object_or_404(keys, public_id=self.kwargs["public_id"])

    def get_context_data(self, **kwargs):
        return super().get_context_data(key=self.get_key(), **kwargs)

    def form_valid(self, form):
        key = self.get_key()
        try:
            revoked = key.revoke(by=self.actor, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
            return self.form_invalid(form)
        if revoked:
            text = f"{key.name} is revoked. Requests with it are refused from now on."
        else:
            text = f"{key.name} was revoked before; nothing changed."
        messages.success(self.request, text)
        return HttpResponseRedirect(self.get_success_url())
