"""The list of keys: what it shows, finding a key in it, and stopping many at once."""

import re

from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView

from apikeys import tokens
from apikeys.exceptions import MalformedKey
from apikeys.forms.creators import Creators
from apikeys.forms.filters import public_id_in
from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.forms.key_queries import ANY
from apikeys.models import ApiKey
from apikeys.models.querysets import COUNTED
from apikeys.scopes import PRESETS
from apikeys.views.base import ApiKeyPage
from apikeys.views.pagination import KeysetPage, PostOnly
from echopoint.core.redaction import holds_a_secret
from echopoint.core.refusals import Refused

REVOKE = "api_key:delete"
MAX_SELECTED = 100
NO_SUCH_KEY = "No key of this organization matches this text. Check that you copied the whole key."
# What to act on, as (one, many, where the list shows them).
ATTENTION = {
    "expiring": (
        "expires this week",
        "expire this week",
        "?status=active&expiring=7&sort=expiry",
    ),
    "unused": (
        "unused for 90 days",
        "unused for 90 days",
        "?status=usable&use=90&sort=used",
    ),
    "retired": (
        "retired key still in use",
        "retired keys still in use",
        "?status=retired&use=retired",
    ),
}


class ListedKeysPage(KeysetPage, ApiKeyPage, TemplateView):
    """A page with the list of keys."""

    template_name = "apikeys/list.html"
    extra_context = {"tab": "keys"}

    def get_filters(self):
        creators = Creators(self.organization)
        return KeyFilterForm.read(self.request.GET, creators=creators)

    def get_rows(self, filters):
        keys = ApiKey.objects.for_org(self.organization)
        return filters.apply(keys.with_creator_state(self.organization))

    def get_context_data(self, **kwargs):
        counts = ApiKey.objects.needing_attention(self.organization)
        context = super().get_context_data(attention=sentences(counts), **kwargs)
        return context | {
            "with_revoked": context["filters"].address(status=ANY),
            "may_revoke": REVOKE in self.membership.permissions,
            "presets": PRESETS.values(),
        }


def sentences(counts):
    """Return what to act on as [(text, address), …]."""
    return [
        (f"{up_to(counts[kind])} {one if counts[kind] == 1 else many}", address)
        for kind, (one, many, address) in ATTENTION.items()
        if counts[kind]
    ]


def up_to(count):
    """Return the count, or that it is more than was counted."""
    return count if count < COUNTED else f"{COUNTED - 1}+"


class ApiKeyListView(ListedKeysPage):
    """The keys; revoked ones when they are asked for."""


@method_decorator(sensitive_post_parameters("q"), name="dispatch")
class ApiKeyFindView(PostOnly, ListedKeysPage):
    """Search; by POST, as a whole key may be pasted, which no address may hold."""

    back_to = "apikeys:list"

    def post(self, request, *args, **kwargs):
        text = request.POST.get("q", "").strip()
        try:
            public_id = self.find(tokens.parse(text))
        except MalformedKey:
            if not holds_a_secret(text):
                return self.to_list(text)
            public_id = None
        if public_id is None:
            return self.render_to_response(self.get_context_data(error=NO_SUCH_KEY))
        return self.to_list(public_id)

    def find(self, token):
        """Return the public id of the organization's key that this is, or None."""
        keys = ApiKey.objects.for_org(self.organization)
        key = keys.filter(public_id=token.public_id).first()
        same = tokens.matches(token, key and key.digest, key and key.pepper_version)
        return key.public_id if same else None

    def to_list(self, text):
        # An id means one key, whatever became of it and whatever was filtered.
        kept = {"status": ANY} if public_id_in(text) else self.get_filters().chosen
        address = KeyFilterForm.address_of(kept | {"q": text[:200]})
        url = reverse("apikeys:list", args=[self.organization.pk])
        return HttpResponseRedirect(url + address)


class ApiKeyRevokeSelectedView(ApiKeyPage, FormView):
    """Stop the keys that were selected in the list, after asking."""

    permission = REVOKE
    needs_fresh = True
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke_selected.html"
    extra_context = {"tab": "keys"}

    def dispatch(self, request, *args, **kwargs):
        sent = request.POST if request.method == "POST" else request.GET
        # Only what can be an id: the database refuses some of what it could not be.
        public_ids = filter(re.compile("[0-9A-Za-z]+").fullmatch, sent.getlist("key"))
        self.public_ids = set(public_ids)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, *args, **kwargs):
        return self.refusal() or super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        return self.refusal() or super().post(request, *args, **kwargs)

    def refusal(self):
        """Return the way back when no keys, or too many, were selected."""
        if 0 < len(self.public_ids) <= MAX_SELECTED:
            return None
        text = f"Select 1 to {MAX_SELECTED} keys, then choose Revoke selected."
        messages.error(self.request, text)
        return HttpResponseRedirect(self.get_success_url())

    def get_queryset(self):
        keys = ApiKey.objects.for_org(self.organization)
        return keys.filter(public_id__in=self.public_ids)

    def get_keys(self):
        """Return the selected keys of the organization; those of others are not there."""
        keys = list(self.get_queryset().order_by("name_key", "pk"))
        # No key is ever deleted: what is not there is another organization's, or forged.
        if len(keys) != len(self.public_ids):
            raise Http404
        return keys

    def get_context_data(self, **kwargs):
        keys = self.get_keys()
        live = [key for key in keys if not key.revoked_at]
        any_works = any(key.works for key in live)
        return super().get_context_data(
            keys=keys, live=live, any_works=any_works, **kwargs
        )

    def form_valid(self, form):
        keys = self.get_keys()
        try:
            revoked = self.get_queryset().revoke(by=self.actor, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
            return self.form_invalid(form)
        messages.success(self.request, what_was_revoked(keys, revoked))
        return HttpResponseRedirect(self.get_success_url())


def what_was_revoked(keys, revoked):
    """Return the message for these keys, as they were, of which some are now `revoked`."""
    before = len(keys) - len(revoked)
    if not revoked:
        return "These keys were already revoked; nothing changed."
    said = f"{revoked[0].name} is" if len(revoked) == 1 else f"{len(revoked)} keys are"
    text = f"{said} revoked."
    if any(key.works for key in keys):
        them = "it" if len(revoked) == 1 else "them"
        text += f" Requests with {them} are refused from now on."
    if before:
        text += f" {before} {'was' if before == 1 else 'were'} already revoked."
    return text
