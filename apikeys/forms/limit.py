"""The form of a key's rate limit, and its field."""

from django import forms
from django.conf import settings


class LimitField(forms.IntegerField):
    """The rate limit of a key; empty for that of its organization."""

    def __init__(self):
        super().__init__(
            label="Requests per minute",
            required=False,
            error_messages={"invalid": "Enter a whole number."},
        )

    def explain(self, organization):
        """Say in the help text which limits are possible, and which one is the default."""
        most = settings.API_MAX_REQUESTS_PER_MINUTE
        usual = organization.requests_per_minute or settings.API_REQUESTS_PER_MINUTE
        self.help_text = f"1 to {most}. Empty: {usual}, like other keys."


class LimitApiKeyForm(forms.Form):
    """The rate limit of a key."""

    requests_per_minute = LimitField()

    def __init__(self, *args, key, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["requests_per_minute"]
        field.initial = key.requests_per_minute
        field.explain(key.organization)
