"""The page of a key, its rotation step by step, and its pauses."""

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.generic import FormView, TemplateView

from apikeys.audit.timeline import refused_attempts, timeline
from apikeys.audit.wording import counted
from apikeys.exceptions import KeyConflict, Refused
from apikeys.forms.rotation import (
    LimitApiKeyForm,
    ResumeApiKeyForm,
    RetireApiKeyForm,
    RotateApiKeyForm,
    SuspendApiKeyForm,
    described,
)
from apikeys.last_execution import last_run
from apikeys.models import ApiKey, KeyPlace
from apikeys.models.verdict import Kind, Verdict
from apikeys.views.issue import ApiKeyPage
from apikeys.views.secret_once import SecretOnceMixin

Status = ApiKey.Status
NOT_SAFE_NOW = (
    "What this page said has changed since you opened it. Read the verdict as it is now,"
    " then decide again."
)


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


class RotationMixin:
    """What a page says of the rotation that the key is in."""

    @cached_property
    def facts(self):
        return self.key.rotation_facts()

    @cached_property
    def verdict(self):
        return Verdict.of(self.facts)

    def get_context_data(self, **kwargs):
        if self.key.retire_at is None:
            return super().get_context_data(**kwargs)
        successor, verdict = self.facts.successor, self.verdict
        used_since = successor and self.facts.new_since
        return super().get_context_data(
            successor=successor,
            successor_used_since=used_since,
            successor_run=self.facts.run,
            verdict=verdict,
            phase=phase(self.key, verdict, is_used=bool(used_since)),
            progress=progress(verdict),
            is_updated=bool(used_since) and verdict.all_moved,
            may_unretire=self.key.can_be_unretired(),
            **kwargs,
        )


def progress(verdict):
    """Return "1 of 2 places moved"."""
    count = len(verdict.places)
    if not count:
        return ""
    return f"{verdict.moved} of {count} place{'' if count == 1 else 's'} moved."


def phase(key, verdict, *, is_used):
    """Return how far a rotation has come: waiting, arrived, safe, or over."""
    if key.state == Status.REVOKED:
        return ""
    if not key.is_being_rotated():
        return "over"
    if verdict.is_safe:
        return "safe"
    return "arrived" if is_used else "waiting"


class ApiKeyDetailView(RotationMixin, KeyPage, TemplateView):
    """What is known of a key, and what can be done with it."""

    template_name = "apikeys/detail.html"

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            scopes=described(self.key.scopes),
            attempts=refused_attempts(self.key),
            places=KeyPlace.objects.shown(self.key),
            timeline=timeline(self.key),
            **kwargs,
        )


class RotationStatusView(RotationMixin, KeyPage, TemplateView):
    """The part of the key's page that refreshes itself while its rotation goes on."""

    template_name = "apikeys/partials/rotation_status.html"

    def render_to_response(self, context, **options):
        is_over = context.get("phase") in (None, "", "over")
        # 286 is htmx's word for an answer after which it need not ask again.
        return super().render_to_response(
            context, status=286 if is_over else 200, **options
        )


class ApiKeyRotateView(SecretOnceMixin, KeyPage, FormView):
    """Make a key's successor. Its secret is in the answer to this POST."""

    permission = "api_key:create"
    needs_fresh = True
    form_class = RotateApiKeyForm
    template_name = "apikeys/rotate.html"

    def get(self, request, *args, **kwargs):
        try:
            self.key.require_rotatable(timezone.now())
            self.key.narrowed(None)
        except Refused as refusal:
            return self.conflict(refusal.message)
        return super().get(request, *args, **kwargs)

    def form_options(self):
        return {"key": self.key}

    def make(self, overlap_seconds, **values):
        return self.key.rotate(by=self.actor, overlap=overlap_seconds, **values)

    def refused(self, form, refusal):
        if isinstance(refusal, KeyConflict):
            return self.conflict(refusal.message)
        return super().refused(form, refusal)


class KeyVerbView(KeyPage, FormView):
    """A change of a key that is asked for once more; `act` makes it and says so."""

    permission = "api_key:delete"
    needs_fresh = True
    form_class = forms.Form
    not_rotating = "This key is not in the middle of a rotation."

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


class ApiKeyRetireView(RotationMixin, KeyVerbView):
    """End the overlap now."""

    form_class = RetireApiKeyForm
    template_name = "apikeys/retire.html"

    def obstacle(self):
        if self.key.state == Status.RETIRED:
            return "This key has retired already."
        if self.key.state == Status.SUSPENDED and self.key.is_being_rotated():
            return "This key is suspended. Resume it before you retire it."
        return "" if self.key.state == Status.RETIRING else self.not_rotating

    def get_initial(self):
        return super().get_initial() | {"seen": self.verdict.kind}

    def form_valid(self, form):
        """Ask again when the page said "safe" and that is no longer so."""
        seen = form.cleaned_data.pop("seen")
        is_retiring = self.key.state == Status.RETIRING
        if is_retiring and seen == Kind.SAFE and not self.verdict.is_safe:
            form = self.form_class(initial={"seen": self.verdict.kind})
            return self.render_to_response(
                self.get_context_data(form=form, error=NOT_SAFE_NOW)
            )
        return super().form_valid(form)

    def act(self):
        if self.key.retire(by=self.actor):
            return "The old key is retired. Requests with it are refused from now on."
        return "The old key was retired before; nothing changed."


class ApiKeyUnretireView(KeyVerbView):
    """Let a retired key work until the end of the overlap that was chosen."""

    template_name = "apikeys/unretire.html"

    def obstacle(self):
        try:
            self.key.require_unretirable(timezone.now())
        except KeyConflict as conflict:
            return conflict.message
        return ""

    def act(self):
        if self.key.unretire(by=self.actor):
            return "The old key works again, until its overlap ends."
        return "The old key was not retired; nothing changed."


class ApiKeyCancelRotationView(RotationMixin, KeyVerbView):
    """Go on with the old key, and revoke the successor that was never used."""

    template_name = "apikeys/cancel_rotation.html"

    def obstacle(self):
        if self.key.state == Status.SUSPENDED and self.key.retire_at:
            return "This key is suspended. Resume it before you cancel its rotation."
        if self.key.state != Status.RETIRING:
            return self.not_rotating
        successor = self.key.successor
        if successor and successor.was_used():
            return (
                "The successor was used, so the rotation cannot be cancelled any more."
            )
        return ""

    def act(self):
        self.key.cancel_rotation(by=self.actor)
        return "The rotation is cancelled. This key goes on; its successor is revoked."


class ApiKeyLimitView(KeyVerbView):
    """Change how often a key may call."""

    permission = "api_key:create"
    form_class = LimitApiKeyForm
    template_name = "apikeys/limit.html"

    def obstacle(self):
        return "This key is revoked; that is final." if self.key.revoked_at else ""

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"key": self.key}

    def act(self, requests_per_minute):
        if not self.key.limit_requests(requests_per_minute, by=self.actor):
            return "This is the key's limit already; nothing changed."
        allowed = counted(self.key.requests_allowed, "request")
        return f"The key may make {allowed} per minute from now on."


class ApiKeySuspendView(KeyVerbView):
    """Pause a key."""

    form_class = SuspendApiKeyForm
    template_name = "apikeys/suspend.html"

    def obstacle(self):
        if self.key.state == Status.SUSPENDED:
            return "This key is suspended already."
        state = self.key.state
        return "" if self.key.works else f"This key is {state}: it cannot be suspended."

    def act(self, reason):
        if self.key.suspend(by=self.actor, reason=reason):
            return "The key is suspended. Requests with it are refused until it is resumed."
        return "The key was suspended before; nothing changed."


class ApiKeyResumeView(KeyVerbView):
    """Let a suspended key work again."""

    form_class = ResumeApiKeyForm
    template_name = "apikeys/resume.html"

    def obstacle(self):
        suspended = self.key.state == Status.SUSPENDED
        return "" if suspended else f"This key is {self.key.state}, not suspended."

    def act(self, reason):
        if not self.key.resume(by=self.actor, reason=reason):
            return "The key was not suspended; nothing changed."
        if self.key.works:
            return "The key is resumed. Requests with it work again."
        return f"The key is resumed, and it is {self.key.state}: requests stay refused."
