"""Which events the audit shows: a query string as a checked form."""

from django import forms
from django.db.models import F

from apikeys import keyset
from apikeys.filters import (
    KEY_IN_ADDRESS,
    Choice,
    FilterForm,
    looks_like_a_secret,
    public_id_in,
)
from apikeys.models import AuditEvent

MAX_SEQUENCE = 2**63 - 1


def number(value):
    """Return the number of an event."""
    if type(value) is not int or not 0 < value <= MAX_SEQUENCE:
        raise ValueError("Not the number of an event.")
    return value


class UtcInput(forms.DateTimeInput):
    """A date and time as browsers ask for it."""

    input_type = "datetime-local"


class AuditFilterForm(FilterForm):
    """The filters of the audit, newest first."""

    key = forms.CharField(label="Key id", required=False, max_length=80)
    action = Choice(choices=[("", "Any"), *AuditEvent.Action.choices])
    actor = forms.CharField(
        label="Actor: e-mail, key id or command", required=False, max_length=255
    )
    since = forms.DateTimeField(label="From (UTC)", required=False, widget=UtcInput)
    until = forms.DateTimeField(label="Until (UTC)", required=False, widget=UtcInput)

    order = keyset.Order(F("sequence"), True, number)

    def clean_key(self):
        text = self.clean_text("key")
        if not text:
            return ""
        public_id = public_id_in(text)
        if public_id is None:
            raise forms.ValidationError("Give the id of a key.")
        return f"key_{public_id}"

    def clean_actor(self):
        return self.clean_text("actor")

    def clean_text(self, name):
        text = self.cleaned_data[name]
        if looks_like_a_secret(text):
            raise forms.ValidationError(KEY_IN_ADDRESS)
        return text

    def apply(self, events):
        """Only the events that were asked for."""
        values = self.cleaned_data
        conditions = {
            "target_id": values["key"],
            "action": values["action"],
            "at__gte": values["since"],
            "at__lte": values["until"],
        }
        events = events.filter(**{k: v for k, v in conditions.items() if v})
        return events.by_actor(values["actor"]) if values["actor"] else events
