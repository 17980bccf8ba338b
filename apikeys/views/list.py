"""The list of keys, its search, and revoking several keys at once."""

import re
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView

from apikeys import tokens
from apikeys.exceptions import MalformedKey
from apikeys.forms.filters import public_id_in
from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.forms.key_queries import ANY
from apikeys.models import ApiKey, ScopeRecording, ScopeUse
from apikeys.models.querysets import COUNTED
from apikeys.models.scope_use import UNUSED_DAYS, unused_since
from apikeys.scopes import PRESETS
from apikeys.timestamps import in_words
from apikeys.views.base import ApiKeysMixin, ReplicaPageMixin, add_refusal
from apikeys.views.pagination import KeysetPaginationMixin, PostOnlyMixin
from echopoint.core.redaction import holds_a_secret
from echopoint.core.refusals import Refused

REVOKE = "api_key:delete"
MAX_SELECTED = 100
NO_SUCH_KEY = "No key of this organization matches this text. Check that you copied the whole key."
# kind: (text for one key, text for several, query string of the list).
ATTENTION = {
    "expiring": (
        "expires this week",
        "expire this week",
        "?status=active&expiring=7&sort=expiry",
    ),
    "expiring_later": (
        "expires within 30 days",
        "expire within 30 days",
        "?status=active&expiring=30&sort=expiry",
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


class BaseKeyListView(KeysetPaginationMixin, ApiKeysMixin, TemplateView):
    """Base of the views that show the list of keys."""

    template_name = "apikeys/list.html"
    extra_context = {"tab": "keys"}

    def get_filters(self):
        return KeyFilterForm.read(
            self.request.GET, organization=self.organization, database=self.database
        )

    def get_rows(self, filters):
        keys = ApiKey.objects.using(self.database).for_org(self.organization)
        return filters.listed(keys.with_people(self.organization))

    def add_unused_scopes(self, keys):
        """Set `unused_scopes` of the keys of the page."""
        uses = ScopeUse.objects.db_manager(self.database)
        by_key = uses.of_keys(self.organization, keys)
        for key in keys:
            key.unused_scopes = by_key[key.pk].unused

    def get_context_data(self, **kwargs):
        keys = ApiKey.objects.using(self.database)
        counts = keys.needing_attention(self.organization)
        context = super().get_context_data(attention=attention_items(counts), **kwargs)
        if context["filters"].is_about_unused_scopes:
            self.add_unused_scopes(context["listed"])
            began_at = ScopeRecording.objects.using(self.database).began_at()
            context["notices"] += recording_notices(began_at)
        return context | {
            "unused_days": UNUSED_DAYS,
            "with_revoked": context["filters"].query_string(status=ANY),
            "may_revoke": REVOKE in self.membership.permissions,
            "created_by_one": created_by_one(context),
            "presets": PRESETS.values(),
        }


def recording_notices(began_at):
    """Return a notice if uses are not recorded for long enough to find unused scopes."""
    if began_at <= unused_since():
        return []
    known_from = began_at + timedelta(days=UNUSED_DAYS)
    return [
        f"Recording of scope use is complete from {in_words(began_at)} on. No scope can be"
        f" shown as unused until {in_words(known_from)}, {UNUSED_DAYS} days later."
    ]


def created_by_one(context):
    """Return a listed key if the list is filtered by one creator, else None."""
    selection = context["filters"].cleaned_data.get("creator")
    if not selection or len(selection.people) != 1:
        return None
    keys = [key for key in context["listed"] if key.created_by_id in selection.people]
    return keys[0] if keys else None


def attention_items(counts):
    """Return the keys that need attention, as [(text, query string), …]."""
    if counts["expiring_later"] == counts["expiring"]:
        counts = counts | {"expiring_later": 0}  # they would be the same keys
    return [
        (f"{capped(counts[kind])} {one if counts[kind] == 1 else many}", address)
        for kind, (one, many, address) in ATTENTION.items()
        if counts[kind]
    ]


def capped(count):
    """Return the count, or "1000+" style text: counting stops at COUNTED."""
    return count if count < COUNTED else f"{COUNTED - 1}+"


class ApiKeyListView(ReplicaPageMixin, BaseKeyListView):
    """List the keys, without revoked ones by default."""


@method_decorator(sensitive_post_parameters("q"), name="dispatch")
class ApiKeyFindView(PostOnlyMixin, BaseKeyListView):
    """Search the list. By POST, because a pasted key must not end up in a URL."""

    only_reads = True
    redirect_url_name = "apikeys:list"

    def post(self, request, *args, **kwargs):
        text = request.POST.get("q", "").strip()
        try:
            public_id = self.public_id_of(tokens.parse(text))
        except MalformedKey:
            if not holds_a_secret(text):
                return self.redirect_to_list(text)
            public_id = None
        if public_id is None:
            return self.render_to_response(self.get_context_data(error=NO_SUCH_KEY))
        return self.redirect_to_list(public_id)

    def public_id_of(self, token):
        """Return the public id if the token is a key of the organization, else None."""
        keys = ApiKey.objects.for_org(self.organization)
        key = keys.filter(public_id=token.public_id).first()
        # Compared even without a key, so that the timing is the same.
        is_match = tokens.matches(token, key and key.digest, key and key.pepper_version)
        return key.public_id if is_match else None

    def redirect_to_list(self, text):
        # An id names one key, so the current filters must not hide it.
        params = {"status": ANY} if public_id_in(text) else self.get_filters().params
        query_string = KeyFilterForm.encode(params | {"q": text[:200]})
        url = reverse("apikeys:list", args=[self.organization.pk])
        return HttpResponseRedirect(url + query_string)


class ApiKeyRevokeSelectedView(ApiKeysMixin, FormView):
    """Revoke the keys selected in the list, after confirmation."""

    permission = REVOKE
    requires_recent_sign_in = True
    form_class = RevokeApiKeyForm
    template_name = "apikeys/revoke_selected.html"
    extra_context = {"tab": "keys"}

    def dispatch(self, request, *args, **kwargs):
        sent = request.POST if request.method == "POST" else request.GET
        # Drop malformed ids: PostgreSQL raises an error for some, such as a NUL.
        public_ids = filter(re.compile("[0-9A-Za-z]+").fullmatch, sent.getlist("key"))
        self.public_ids = set(public_ids)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, *args, **kwargs):
        return self.redirect_if_invalid() or super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        return self.redirect_if_invalid() or super().post(request, *args, **kwargs)

    def redirect_if_invalid(self):
        """Redirect to the list if no keys, or too many, are selected; else None."""
        if 0 < len(self.public_ids) <= MAX_SELECTED:
            return None
        text = f"Select 1 to {MAX_SELECTED} keys, then choose Revoke selected."
        messages.error(self.request, text)
        return HttpResponseRedirect(self.get_success_url())

    def get_queryset(self):
        keys = ApiKey.objects.for_org(self.organization)
        return keys.filter(public_id__in=self.public_ids)

    def get_keys(self):
        """Return the selected keys; raise 404 if any is not the organization's."""
        keys = list(self.get_queryset().order_by("name_key", "pk"))
        # Keys are never deleted, so a missing id belongs to another organization or is
        # forged.
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
            add_refusal(form, refusal)
            return self.form_invalid(form)
        messages.success(self.request, revocation_message(keys, revoked))
        return HttpResponseRedirect(self.get_success_url())


def revocation_message(keys, revoked):
    """Return the success message; `keys` are as they were before, `revoked` changed."""
    before = len(keys) - len(revoked)
    if not revoked:
        return "These keys were already revoked; nothing changed."
    subject = (
        f"{revoked[0].name} is" if len(revoked) == 1 else f"{len(revoked)} keys are"
    )
    text = f"{subject} revoked."
    if any(key.works for key in keys):
        them = "it" if len(revoked) == 1 else "them"
        text += f" Requests with {them} are refused from now on."
    if before:
        text += f" {before} {'was' if before == 1 else 'were'} already revoked."
    return text
