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
from apikeys.db.label_search import LabelSearch
from apikeys.forms.filters import (
    KEY_IN_ADDRESS,
    Choice,
    FilterForm,
    public_id_in,
    short_text_notes,
)
from apikeys.models import AuditLabel
from apikeys.models.audit import EXACT_ID, LETTERS
from echopoint.core.characters import fold
from echopoint.core.redaction import holds_a_secret

COUNTED = 1000  # more are not counted, and not shown as a number
TEXTS = ("key", "actor")
KINDS = {"key": "target", "actor": "actor"}
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

    def __init__(self, **options):
        super().__init__(required=False, widget=LocalInput, **options)

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

    # Set by `listed`: the number of matching events that were counted, up to COUNTED + 1,
    # and whether there may be more; a search that finds those of a page.
    count, are_all_counted, has_few_matches, search = None, True, False, None

    def __init__(self, data, *, organization, actions):
        super().__init__(data)
        self.organization = organization
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
        """Return how short texts are searched, and times of another zone in UTC."""
        texts = [self.cleaned_data.get(name, "") for name in TEXTS]
        short = [text for text in texts if len(fold(text)) < LETTERS]
        return [*short_text_notes(*short), *self.times_in_utc]

    @property
    def times_in_utc(self):
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
        order = keyset.Order(
            F("at"),
            True,
            keyset.parse_time,
            search=getattr(self.search, "first_ids", None),
        )
        return order.unindexed() if self.has_few_matches else order

    def apply(self, events):
        """Return the matching events, selected by primary key if they are few."""
        listed = self.listed(events)
        return self.search.all_events(listed) if self.search else listed

    def listed(self, events):
        """Return the events to list in `order`, selected by primary key if they are few.

        Ids and times together are a range of one index, in the order of the list. Texts
        are not: if many events match, the search of the order finds those of a page.
        """
        texts = [name for name in TEXTS if self.is_text(name)]
        used = [name for name in QUERIES if self.cleaned_data[name]]
        exact = [name for name in used if name not in texts]
        rows = self.matching(events, exact)
        ids = None
        if exact:
            # Sorted like its index, which PostgreSQL then uses even if its statistics,
            # which cover all organizations, predict many matches.
            ids = selective_ids([[rows.order_by("at", "pk")]], COUNTED)
            self.count = COUNTED + 1 if ids is None else len(ids)
        if texts and ids is None:
            ids = self.search_texts(rows, texts)
        elif texts:
            found = self.matching(with_ids(rows, ids), texts)
            ids = list(found.values_list("pk", flat=True))
            self.count = len(ids)
        self.has_few_matches = ids is not None
        return with_ids(events, ids) if self.has_few_matches else rows

    def search_texts(self, events, texts):
        """Return the ids of the events with these texts if they are few, or None."""
        search = LabelSearch(
            AuditLabel.objects.using(events.db).for_org(self.organization),
            {KINDS[name]: QUERIES[name] for name in texts},
            {KINDS[name]: self.cleaned_data[name] for name in texts},
        )
        ids, self.are_all_counted = search.newest(events, COUNTED + 1)
        self.count = len(ids)
        if self.are_all_counted:
            return ids
        self.search = search
        return None

    def is_text(self, name):
        """Whether this filter is in use and a part of a text, not an id."""
        text = self.cleaned_data[name]
        return bool(text) and not EXACT_ID.fullmatch(text)

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
        if not self.are_all_counted:
            return f"At least {self.count:,} events match"
        return f"{count_in_words(self.count, 'event')} match{'es' if self.count == 1 else ''}"


# The query of each filter.
QUERIES = {
    "key": lambda events, text: events.about(text),
    "action": lambda events, action: events.filter(action=action),
    "actor": lambda events, text: events.by_actor(text),
    "since": lambda events, at: events.filter(at__gte=at),
    "until": lambda events, at: events.filter(at__lte=at),
}
