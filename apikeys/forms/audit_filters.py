"""The filter form of the audit log."""

import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format

from apikeys.audit.events import grouped
from apikeys.audit.wording import count_in_words
from apikeys.db import keyset
from apikeys.db.index_probes import selective_ids, with_ids
from apikeys.forms.filters import (
    KEY_IN_ADDRESS,
    Choice,
    FilterForm,
    public_id_in,
)
from apikeys.models.audit import EXACT_ID
from echopoint.core.redaction import holds_a_secret

COUNTED = 1000  # more are not counted, and not shown as a number
TEXTS = ("key", "actor")
UTC = "UTC"
NO_ZONE = "This zone is unknown here, so the times are read as UTC."
TIMES = {"since": "From", "until": "Until"}
NO_YEAR = "In UTC, this is outside the years 1 to 9999."


def time_zone(name):
    """Return the time zone with this name; raise `ValueError`."""
    try:
        return ZoneInfo(name)
    except (
        KeyError,
        OSError,
    ) as error:  # the name of a directory of zones raises OSError
        raise ValueError("Not a time zone.") from error


class LocalInput(forms.DateTimeInput):
    """The browser's date and time input. Its time zone is the form's `tz`."""

    input_type = "datetime-local"

    def __init__(self):
        super().__init__(attrs={"data-zoned": True})


class UTCDateTimeField(forms.DateTimeField):
    """Converts to UTC. Times that UTC cannot represent are refused."""

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
    """Filters of the audit log, which is sorted newest first."""

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
    since = UTCDateTimeField()
    until = UTCDateTimeField()
    # Set by a script to the reader's time zone; empty means UTC.
    tz = forms.CharField(
        label="Time zone",
        required=False,
        max_length=64,
        widget=forms.HiddenInput(attrs={"data-zone-of-times": True}),
        error_messages={"max_length": NO_ZONE},
    )

    # Set by `apply`; the count of matching events is exact if they are few.
    count, has_few_matches = None, False

    def __init__(self, data, *, actions):
        super().__init__(data)
        self.fields["action"].choices = [("", "Any"), *grouped(actions)]
        try:
            self.zone = time_zone(self.data.get("tz") or UTC)
        except ValueError:
            self.zone = time_zone(UTC)
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
    def params(self):
        params = super().params
        if not params.keys() & TIMES.keys():
            params.pop("tz", None)
        return params

    @property
    def notes(self):
        """Return the times in UTC if they were entered in another zone."""
        if "tz" not in self.params or str(self.zone) == UTC:
            return []
        times = [
            f"{word.lower()} {date_format(time, 'j F Y, H:i')}"
            for name, word in TIMES.items()
            if (time := self.cleaned_data.get(name))
        ]
        return [f"In UTC: {', '.join(times)}."]

    def clean_key(self):
        return self.clean_text("key")

    def clean_actor(self):
        return self.clean_text("actor")

    def clean_text(self, name):
        """Return the text, with the id of a key as audit events spell it."""
        text = self.cleaned_data[name]
        if holds_a_secret(text):
            raise forms.ValidationError(KEY_IN_ADDRESS)
        public_id = public_id_in(text)
        # A bare public id, without prefix, could also be part of a name.
        return f"key_{public_id}" if public_id not in (None, text) else text

    @property
    def order(self):
        """Return the order, newest first. A few events are selected by id, then sorted."""
        order = keyset.Order(F("at"), True, keyset.parse_time)
        return order.unindexed() if self.has_few_matches else order

    def apply(self, events):
        """Return the matching events, selected by primary key if they are few.

        Ids and times together are a range of one index, in the order of the list. Each
        text has an index of its own, which knows no order, so more events are worth being
        selected.
        """
        used = [name for name in QUERIES if self.cleaned_data[name]]
        texts = [name for name in used if self.is_text(name)]
        exact = [name for name in used if name not in texts]
        if not used:
            return events
        ids = None
        if exact:
            # Sorted like its index, which PostgreSQL then uses even if its statistics,
            # which cover all organizations, predict many matches.
            probe = self.matching(events, exact).order_by("at", "pk")
            ids = selective_ids([[probe]], COUNTED)
        matching = self.matching(events, used)
        if texts:
            rows = matching if ids is None else with_ids(matching, ids)
            ids = selective_ids([[rows]])
        self.has_few_matches = ids is not None
        self.count = len(ids) if self.has_few_matches else COUNTED + 1
        return with_ids(events, ids) if self.has_few_matches else matching

    def is_text(self, name):
        """Whether this filter is a part of a text, not an id or a time."""
        return name in TEXTS and not EXACT_ID.fullmatch(self.cleaned_data[name])

    def matching(self, events, names):
        for name in names:
            if self.cleaned_data[name]:
                events = QUERIES[name](events, self.cleaned_data[name])
        return events

    @property
    def matches(self):
        """Return the number of matching events as text, up to COUNTED."""
        if self.count is None:
            return ""
        if self.count > COUNTED:
            return f"More than {COUNTED:,} events match"
        return f"{count_in_words(self.count, 'event')} match{'es' if self.count == 1 else ''}"


# The query of each filter.
QUERIES = {
    "key": lambda events, text: events.about(text),
    "action": lambda events, action: events.filter(action=action),
    "actor": lambda events, text: events.by_actor(text),
    "since": lambda events, at: events.filter(at__gte=at),
    "until": lambda events, at: events.filter(at__lte=at),
}
