"""Form renderer of the site. A redisplayed form never repeats a secret."""

from django.forms.boundfield import BoundField
from django.forms.renderers import DjangoTemplates

from echopoint.core.redaction import holds_a_secret


class UnrepeatingField(BoundField):
    """A field that is redisplayed empty if its value contains a secret."""

    def value(self):
        value = super().value()
        # Hidden fields hold our own nonces, which look as random as keys.
        if self.is_hidden or not isinstance(value, str):
            return value
        return "" if holds_a_secret(value) else value


class Renderer(DjangoTemplates):
    """Renders forms without repeating secrets that a user typed."""

    bound_field_class = UnrepeatingField
