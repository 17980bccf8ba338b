"""What all forms of the site do: none shows a secret again that was typed into it."""

from django.forms.boundfield import BoundField
from django.forms.renderers import DjangoTemplates

from echopoint.core.redaction import holds_a_secret


class UnrepeatingField(BoundField):
    """A field of a form that comes back empty when a key was pasted into it."""

    def value(self):
        value = super().value()
        # What is hidden is ours: nonces are as random as keys.
        if self.is_hidden or not isinstance(value, str):
            return value
        return "" if holds_a_secret(value) else value


class Renderer(DjangoTemplates):
    """Django's own renderer, with our fields."""

    bound_field_class = UnrepeatingField
