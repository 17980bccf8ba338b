"""The pages of a key's rotation."""

from django.utils import timezone
from django.utils.functional import cached_property
from django.views.generic import FormView, TemplateView

from apikeys.exceptions import KeyConflict
from apikeys.forms.rotation import RetireApiKeyForm, RotateApiKeyForm
from apikeys.models import ApiKey, ScopeUse
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.models.verdict import Kind, Verdict
from apikeys.views.key import KeyActionView, SingleKeyMixin
from apikeys.views.policy_notes import notes_of_rotation
from apikeys.views.secret_once import CreateKeyMixin
from echopoint.core.refusals import Refused

Status = ApiKey.Status
UNUSED = "unused"  # the value of "without" in the address of the rotation
FROZEN = "All keys are frozen. End the freeze first."
VERDICT_CHANGED = (
    "The verdict has changed since you opened this page. Read the current one, then decide"
    " again."
)


class RotationMixin:
    """Adds the state of the key's rotation to the context."""

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
            successor_run=self.facts.execution,
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
    """Return the phase of the rotation; empty if the key is revoked.

    "unused": the successor was not used yet. "in_use": it was. "safe": the old key can be
    retired. "over": it has retired.
    """
    if key.state == Status.REVOKED:
        return ""
    if not key.is_being_rotated():
        return "over"
    if verdict.is_safe:
        return "safe"
    return "in_use" if is_used else "unused"


class RotationStatusView(RotationMixin, SingleKeyMixin, TemplateView):
    """The fragment of the key's page that htmx polls during a rotation."""

    template_name = "apikeys/partials/rotation_status.html"

    def render_to_response(self, context, **options):
        is_over = context.get("phase") in (None, "", "over")
        # Status 286 tells htmx to stop polling.
        return super().render_to_response(
            context, status=286 if is_over else 200, **options
        )


class ApiKeyRotateView(CreateKeyMixin, SingleKeyMixin, FormView):
    """Create a key's successor. Only the response to this POST contains its secret."""

    permission = "api_key:create"
    requires_recent_sign_in = True
    form_class = RotateApiKeyForm
    template_name = "apikeys/rotate.html"

    def get(self, request, *args, **kwargs):
        try:
            self.key.require_rotatable(timezone.now())
            self.key.successor_scopes(None)
        except Refused as refusal:
            return self.render_conflict(refusal.message)
        return super().get(request, *args, **kwargs)

    @cached_property
    def uses(self):
        return ScopeUse.objects.of(self.key)

    @property
    def leaves_out(self):
        """Return the unused scopes that the link on the key's page leaves out."""
        asked = self.request.method == "GET" and self.request.GET.get("without")
        return self.uses.removable if asked == UNUSED else []

    def get_initial(self):
        # For a key without an owner, if the policy requires one.
        values = {"owner_email": self.request.user.email} | super().get_initial()
        if not self.leaves_out:
            return values
        names = [fact.name for fact in self.uses.facts]
        remaining = [name for name in names if name not in self.leaves_out]
        # A form that was stored while the person signed in again has its own choice.
        return {"scopes": remaining} | values

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            policy_notes=notes_of_rotation(self.key, self.membership.role),
            leaves_out=self.leaves_out,
            unused_days=UNUSED_DAYS,
            without_unused=f"?without={UNUSED}",
            **kwargs,
        )

    def form_options(self):
        return {"key": self.key, "uses": self.uses}

    def make(self, overlap_seconds, **values):
        return self.key.rotate(by=self.actor, overlap=overlap_seconds, **values)

    def refuse(self, form, refusal):
        if isinstance(refusal, KeyConflict):
            return self.render_conflict(refusal.message)
        return super().refuse(form, refusal)


class ApiKeyRetireView(RotationMixin, KeyActionView):
    """Retire the old key before the overlap ends."""

    form_class = RetireApiKeyForm
    template_name = "apikeys/retire.html"

    def unavailable_reason(self):
        if self.key.state == Status.RETIRED:
            return "This key has already retired."
        if self.key.is_frozen:
            return FROZEN
        if self.key.state == Status.SUSPENDED and self.key.is_being_rotated():
            return "This key is suspended. Resume it before you retire it."
        return "" if self.key.state == Status.RETIRING else self.NOT_ROTATING

    def get_initial(self):
        return super().get_initial() | {"shown_verdict": self.verdict.kind}

    def form_valid(self, form):
        """Ask again if the page showed "safe" and the verdict has changed since."""
        shown = form.cleaned_data.pop("shown_verdict")
        is_retiring = self.key.state == Status.RETIRING
        if is_retiring and shown == Kind.SAFE and not self.verdict.is_safe:
            form = self.form_class(initial={"shown_verdict": self.verdict.kind})
            return self.render_to_response(
                self.get_context_data(form=form, error=VERDICT_CHANGED)
            )
        return super().form_valid(form)

    def perform(self):
        if self.key.retire(by=self.actor):
            return "The old key is retired. Requests with it are refused from now on."
        return "The old key was already retired; nothing changed."


class ApiKeyUnretireView(KeyActionView):
    """Undo retiring, until the chosen overlap ends."""

    template_name = "apikeys/unretire.html"

    def unavailable_reason(self):
        try:
            self.key.require_unretirable(timezone.now())
        except KeyConflict as conflict:
            return conflict.message
        return ""

    def perform(self):
        if self.key.unretire(by=self.actor):
            return "The old key works again, until its overlap ends."
        return "The old key was not retired; nothing changed."


class ApiKeyCancelRotationView(RotationMixin, KeyActionView):
    """Keep the old key and revoke the unused successor."""

    template_name = "apikeys/cancel_rotation.html"

    def unavailable_reason(self):
        if self.key.is_frozen:
            return FROZEN
        if self.key.state == Status.SUSPENDED and self.key.retire_at:
            return "This key is suspended. Resume it before you cancel its rotation."
        if self.key.state != Status.RETIRING:
            return self.NOT_ROTATING
        successor = self.key.successor
        if successor and successor.was_used():
            return "The successor was used, so the rotation can no longer be cancelled."
        return ""

    def perform(self):
        self.key.cancel_rotation(by=self.actor)
        return "The rotation is cancelled. This key keeps working; its successor is revoked."
