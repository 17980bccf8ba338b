"""Which events the audit shows: a query string as a checked form."""

import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format

from apikeys.audit.events import grouped
from apikeys.audit.wording import counted
from apikeys.db import keyset
from apikeys.forms.filters import (
    KEY_IN_ADDRESS,
    Choice,
    FilterForm,
    public_id_in,
)
from apikeys.models.audit import EXACT_ID
from echopoint.core.redaction import holds_a_secret

COUNTED = 1000  # no further, so that it costs the same for any number
MAX_SEQUENCE = 2**63 - 1
UTC = "UTC"
NO_ZONE = "This zone is unknown here, so the times are read as UTC."
TIMES = {"since": "From", "until": "Until"}
NO_YEAR = "In UTC, this is outside the years 1 to 9999."


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


class Time(forms.DateTimeField):
    """A time that can be compared with others, which are in UTC."""

    default_error_messages = {"overflow": NO_YEAR}

    def __init__(self):
        super().__init__(required=False, widget=LocalInput)

    def to_python(self, value):
        time = super().to_python(value)
        try:
            return time and time.astimezone(datetime.UTC)
        except OverflowError:
            raise forms.ValidationError(
                self.error_messages["overflow"], code="overflow"
            ) from None


class AuditFilterForm(FilterForm):
    """The filters of the audit, newest first."""

    key = forms.CharField(
        label="Key or person: part of a name or e-mail, or an id",
        required=False,
        max_length=255,
    )
    action = Choice()
    actor = forms.CharField(
        label="Actor: part of an e-mail, key or command",
        required=False,
        max_length=255,
    )
    since = Time()
    until = Time()
    # A script puts the reader's zone here; without one, times are in UTC.
    tz = forms.CharField(
        label="Time zone",
        required=False,
        max_length=64,
        widget=forms.HiddenInput(attrs={"data-zone-of-times": True}),
        error_messages={"max_length": NO_ZONE},
    )

    count = None  # of matching events, known when the filters were applied

    def __init__(self, data, *, actions):
        super().__init__(data)
        self.fields["action"].choices = [("", "Any"), *grouped(actions)]
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
            f"{word.lower()} {date_format(time, 'j F Y, H:i')}"
            for name, word in TIMES.items()
            if (time := self.cleaned_data.get(name))
        ]
        return [f"In UTC: {', '.join(said)}."]

    def clean_key(self):
        return self.clean_text("key")

    def clean_actor(self):
        return self.clean_text("actor")

    def clean_text(self, name):
        """Return the text; a key's id in the spelling that events have."""
        text = self.cleaned_data[name]
        if holds_a_secret(text):
            raise forms.ValidationError(KEY_IN_ADDRESS)
        public_id = public_id_in(text)
        # A public id without what it begins with can be a name.
        return f"key_{public_id}" if public_id not in (None, text) else text

    @property
    def order(self):
        """Return the order, newest first; few events are found first and then sorted."""
        order = keyset.Order(F("sequence"), True, number)
        return order.unindexed() if self.are_few else order

    @property
    def are_few(self):
        return self.count is not None and self.count <= COUNTED

    def apply(self, events):
        """Only the events that were asked for, by their ids if those are few."""
        matching = self.matching(events)
        if not self.narrowing:
            return matching
        # An index of an exact value is in the order of the events: asked for in that
        # order, PostgreSQL uses it, whatever it expects of other organizations' events.
        order = ["sequence"] if self.is_exact else []
        ids = list(
            matching.order_by(*order).values_list("pk", flat=True)[: COUNTED + 1]
        )
        self.count = len(ids)
        return events.filter(pk__in=ids) if self.are_few else matching

    @property
    def is_exact(self):
        """Whether a filter is for one value, not for a part of a text or a time."""
        texts = (self.cleaned_data[name] for name in ("key", "actor"))
        return bool(self.cleaned_data["action"] or any(map(EXACT_ID.fullmatch, texts)))

    def matching(self, events):
        for name, narrowed in NARROWED.items():
            if self.cleaned_data[name]:
                events = narrowed(events, self.cleaned_data[name])
        return events

    @property
    def matches(self):
        """Return how many events match, in words; counted so far and no further."""
        if self.count is None:
            return ""
        if not self.are_few:
            return f"More than {COUNTED:,} events match"
        return f"{counted(self.count, 'event')} match{'es' if self.count == 1 else ''}"


# Each filter with its query.
NARROWED = {
    "key": lambda events, text: events.about(text),
    "action": lambda events, action: events.filter(action=action),
    "actor": lambda events, text: events.by_actor(text),
    "since": lambda events, at: events.filter(at__gte=at),
    "until": lambda events, at: events.filter(at__lte=at),
}
