"""The detail page of a key."""

from django.views.generic import TemplateView

from apikeys.audit.timeline import refused_attempts, timeline
from apikeys.exceptions import AddressNotAllowed
from apikeys.forms.check import CheckForm
from apikeys.forms.rotation import scopes_with_use
from apikeys.models import KeyPlace, ScopeUse
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.models.seen_addresses import refused_addresses
from apikeys.views.check import usual_question
from apikeys.views.key import SingleKeyMixin
from apikeys.views.rotation import UNUSED, RotationMixin


class ApiKeyDetailView(RotationMixin, SingleKeyMixin, TemplateView):
    """Show a key and its actions."""

    template_name = "apikeys/detail.html"

    def get_context_data(self, **kwargs):
        attempts = refused_attempts(self.key)
        uses = ScopeUse.objects.of(self.key)
        return super().get_context_data(
            scopes=scopes_with_use(uses),
            uses=uses,
            unused_days=UNUSED_DAYS,
            without_unused=f"?without={UNUSED}",
            attempts=attempts,
            check_form=CheckForm(initial=usual_question(self)),
            refused_from=unlisted_addresses(self.key, attempts),
            places=KeyPlace.objects.shown(self.key),
            timeline=timeline(self.key),
            **kwargs,
        )


def unlisted_addresses(key, attempts):
    """Return the refused addresses that are not in the key's list now."""
    if not any(attempt.code == AddressNotAllowed.code for attempt in attempts):
        return []
    return [refused for refused in refused_addresses(key) if not refused.is_listed]
