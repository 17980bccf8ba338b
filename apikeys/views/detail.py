"""The page of a key."""

from django.views.generic import TemplateView

from apikeys.audit.timeline import refused_attempts, timeline
from apikeys.forms.rotation import (
    described,
)
from apikeys.models import KeyPlace
from apikeys.views.key import KeyPage
from apikeys.views.rotation import RotationMixin


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
