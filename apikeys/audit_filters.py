"""Which events the audit shows: a query string as a checked form."""

import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format

from apikeys import keyset
from apikeys.filters import (
    KEY_IN_ADDRESS,
    Choice,
    FilterForm,
    looks_like_a_secret,
    public_id_in,
)

MAX_SEQUENCE = 2**63 - 1
UTC = "UTC"
NO_ZONE = "It is not known here, so the times are read as UTC."
TIMES = {"since": "From", "until": "Until"}


def number(value):
    """Return the number of an event."""
    if type(value) is not int or not 0 < value <= MAX_SEQUENCE:
        raise ValueError("Not the number of an event.")
    return value


def zone_named(name):
    """Return the time zone with this name; raise `ValueError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:  # a folder of zones is an OSError
        raise ValueError("Not a time zone.") from error


class LocalInput(forms.DateTimeInput):
    """A date and time as browsers ask for it; whose, the form's `tz` says."""

    input_type = "datetime-local"

    def __init__(self):
        super().__init__(attrs={"data-zoned": True})


class AuditFilterForm(FilterForm):
    """The filters of the audit, newest first."""

    key = forms.CharField(label="Key id", required=False, max_length=80)
    action = Choice()
    actor = forms.CharField(
        label="Actor: e-mail, key id or command", required=False, max_length=255
    )
    since = forms.DateTimeField(required=False, widget=LocalInput)
    until = forms.DateTimeField(required=False, widget=LocalInput)
    # A script puts the reader's zone here; without one, times are in UTC.
    tz = forms.CharField(
        label="Time zone",
        required=False,
        max_length=64,
        widget=forms.HiddenInput(attrs={"data-zone-of-times": True}),
        error_messages={"max_length": NO_ZONE},
    )

    order = keyset.Order(F("sequence"), True, number)

    def __init__(self, data, *, actions):
        super().__init__(data)
        self.fields["action"].choices = [("", "Any"), *actions]
        try:
            self.zone = zone_named(self.data.get("tz") or UTC)
        except ValueError:
            self.zone = zone_named(UTC)
        for name, word in TIMES.items():
            self.fields[name].label = f"{word} ({self.zone})"

    def full_clean(self):
        with timezone.override(self.zone):
            super().full_clean()

    def clean_tz(self):
        name = self.cleaned_data["tz"]
        if name and name != str(self.zone):
            raise forms.ValidationError(NO_ZONE)
        return name

    @property
    def chosen(self):
        chosen = super().chosen
        if not chosen.keys() & TIMES.keys():
            chosen.pop("tz", None)
        return chosen

    @property
    def notes(self):
        """Return the times in UTC when they were typed as another zone's."""
        if "tz" not in self.chosen or str(self.zone) == UTC:
            return []
        said = [
            f"{word.lower()} {date_format(time.astimezone(datetime.UTC), 'j F Y, H:i')}"
            for name, word in TIMES.items()
            if (time := self.cleaned_data.get(name))
        ]
        return [f"In UTC: {', '.join(said)}."]

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
