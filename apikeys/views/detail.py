"""The detail page of a key."""

from django.views.generic import TemplateView

from apikeys.audit.timeline import refused_attempts, timeline
from apikeys.forms.rotation import scope_entries
from apikeys.models import KeyPlace
from apikeys.views.key import SingleKeyMixin
from apikeys.views.rotation import RotationMixin


class ApiKeyDetailView(RotationMixin, SingleKeyMixin, TemplateView):
    """Show a key and its actions."""

    template_name = "apikeys/detail.html"

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            scopes=scope_entries(self.key.scopes),
            attempts=refused_attempts(self.key),
            places=KeyPlace.objects.shown(self.key),
            timeline=timeline(self.key),
            **kwargs,
        )
