"""The filter and sort form of the list of keys."""

from itertools import groupby

from django import forms
from django.db.models import F

from apikeys.db import keyset
from apikeys.db.index_probes import LIVE_OR_REVOKED, selective_ids, with_ids
from apikeys.db.window_search import COVERED_WINDOWS, WINDOWS, WindowSearch
from apikeys.forms.expiry_dates import ExpiryDates
from apikeys.forms.filters import (
    INVALID_CHOICE,
    Choice,
    FilterForm,
    short_text_notes,
    validate_not_secret,
)
from apikeys.forms.key_queries import (
    ANY,
    CURRENT,
    LACKING,
    LEAKED,
    NEVER,
    PAST,
    RESTRICTED,
    UNRESTRICTED,
    created_by,
    expiring_in,
    expiring_on,
    in_status,
    in_use_or_revoked,
    lacking,
    of_age,
    owned_by,
    with_networks,
    with_scope,
    with_text,
    with_unused_scopes,
    with_use,
)
from apikeys.forms.people import Creators, Owners, SuggestInput
from apikeys.forms.policy_queries import parse, select
from apikeys.models import ApiKey, KeyWarning
from apikeys.models.key_warning import WARNED_FOR
from apikeys.models.querysets import ENDS_AT, SCOPE_IDLE_SINCE
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.scopes import PRESETS, SCOPES

STATUSES = [
    ("", "Not revoked"),
    (CURRENT, "Not ended"),
    ("usable", "Active or retiring"),
    *ApiKey.Status.choices,
    (LEAKED, "Leaked, not revoked"),
    (ANY, "Any status"),
]
USES = [
    ("", "Any"),
    ("30", "Unused for 30 days"),
    ("90", "Unused for 90 days"),
    ("never", "Never used"),
    ("retired", "Used after it retired"),
    (KeyWarning.Kind.NEW_PLACE, f"From a new place ({WARNED_FOR.days} days)"),
    (KeyWarning.Kind.REFUSED, f"Refused ({WARNED_FOR.days} days)"),
]
UNUSED = "unused"
SCOPE_USES = [
    ("", "Any"),
    (UNUSED, f"Some unused ({UNUSED_DAYS} days)"),
]
NETWORKS = [
    ("", "Any"),
    (RESTRICTED, "Restricted to a list"),
    (UNRESTRICTED, "Not restricted"),
]
WITHOUT = [
    ("", "Any"),
    *((name, one.words.capitalize()) for name, one in LACKING.items()),
]
EXPIRIES = [
    ("", "Any"),
    ("7", "Within 7 days"),
    ("30", "Within 30 days"),
    ("90", "Within 90 days"),
    ("7-30", "In 7 to 30 days"),
    ("30-90", "In 30 to 90 days"),
    ("90-", "After 90 days"),
    (NEVER, "Never"),
    (PAST, "Expired already"),
]
AGES = [
    ("", "Any"),
    ("0-30", "Under 30 days"),
    ("30-90", "30 to 90 days"),
    ("90-180", "90 to 180 days"),
    ("180-365", "180 to 365 days"),
    ("365-", "365 days or more"),
]
SORTS = [
    ("", "Newest first"),
    ("created", "Oldest first"),
    ("name", "Name, A to Z"),
    ("-name", "Name, Z to A"),
    ("expiry", "Soonest expiry"),
    ("-expiry", "Latest expiry"),
    ("-used", "Latest use"),
    ("used", "Oldest use"),
    ("scopes", "Longest unused scope"),
    ("-scopes", "Shortest unused scope"),
]
ORDERS = {
    "created": (F("created_at"), keyset.parse_time, False),
    "name": (F("name_key"), keyset.parse_text, False),
    "expiry": (ENDS_AT, keyset.parse_time, True),
    "used": (F("last_used_at"), keyset.parse_time, True),
    # By the longest unused scope; `SCOPE_IDLE_SINCE` says why not by their number.
    "scopes": (SCOPE_IDLE_SINCE, keyset.parse_time, False),
}


def scope_choices():
    """Return the presets and scopes as grouped choices."""
    presets = [(preset.name, preset.label) for preset in PRESETS.values()]
    scopes = [
        (resource, [(scope.name, scope.name) for scope in group])
        for resource, group in groupby(SCOPES.values(), key=lambda s: s.resource)
    ]
    return [("", "Any"), ("Presets", presets), *scopes]


class Filter:
    """A field with its query: (keys, value) → (keys, parts), as in key_queries."""

    def __init__(self, *, query, **options):
        super().__init__(**options)
        self.query = query


class ChoiceFilter(Filter, Choice):
    """A filter with a list of choices."""


class TextFilter(Filter, forms.CharField):
    """A filter by text."""


def people_field(field, people):
    """Return a text field, for use when a select would have too many people."""
    return TextFilter(
        query=field.query,
        label=f"{field.label} (e-mail, or part of it)",
        required=False,
        max_length=255,
        widget=SuggestInput(people.groups.items()),
    )


class KeyFilterForm(FilterForm):
    """Filters, search and sort order of the list of keys."""

    status = ChoiceFilter(query=in_status, choices=STATUSES)
    scope = ChoiceFilter(
        query=with_scope, choices=scope_choices, label="Preset or scope"
    )
    creator = ChoiceFilter(query=created_by, label="Created by")
    owner = ChoiceFilter(query=owned_by, label="Owner")
    expiring = ChoiceFilter(query=expiring_in, choices=EXPIRIES, label="Expires")
    age = ChoiceFilter(query=of_age, choices=AGES)
    use = ChoiceFilter(query=with_use, choices=USES)
    scope_use = ChoiceFilter(
        query=with_unused_scopes, choices=SCOPE_USES, label="Use of scopes"
    )
    networks = ChoiceFilter(
        query=with_networks, choices=NETWORKS, label="Allowed addresses"
    )
    without = ChoiceFilter(query=lacking, choices=WITHOUT)
    q = TextFilter(
        query=with_text,
        label="Search",
        required=False,
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.HiddenInput,
    )
    # Set by links on the page of the posture.
    expires = TextFilter(
        query=expiring_on,
        label="Dates of expiry",
        required=False,
        max_length=22,
        widget=forms.HiddenInput,
    )
    # Set by links on the policy page.
    policy = TextFilter(
        query=select,
        label="Policy",
        required=False,
        max_length=1000,
        widget=forms.HiddenInput,
    )
    sort = Choice(label="Sort by", choices=SORTS)

    has_few_matches, search = False, None  # set by `listed`

    def __init__(self, data, *, organization, database=None):
        super().__init__(data)
        self.people = {
            "creator": Creators(organization, database),
            "owner": Owners(organization, database),
        }
        for name, people in self.people.items():
            if people.exceed_select:
                self.fields[name] = people_field(self.fields[name], people)
            else:
                self.fields[name].choices = people.choices()

    def clean_q(self):
        return validate_not_secret(self.cleaned_data["q"])

    def clean_creator(self):
        return self.clean_people("creator")

    def clean_owner(self):
        return self.clean_people("owner")

    def clean_people(self, name):
        """Return a `PeopleSelection`, or an empty string."""
        text = validate_not_secret(self.cleaned_data[name])
        return text and self.people[name].selection(text)

    def clean_expires(self):
        """Return `ExpiryDates`, or an empty string."""
        text = validate_not_secret(self.cleaned_data["expires"])
        try:
            return text and ExpiryDates.parse(text)
        except ValueError:
            raise forms.ValidationError(INVALID_CHOICE) from None

    def clean_policy(self):
        """Return a `Concerned`, or an empty string."""
        text = validate_not_secret(self.cleaned_data["policy"])
        try:
            return text and parse(text)
        except ValueError:
            raise forms.ValidationError(INVALID_CHOICE) from None

    @property
    def notes(self):
        selections = (self.cleaned_data.get(name) for name in ("policy", "expires"))
        notes = [selection.note for selection in selections if selection]
        return notes + short_text_notes(self.cleaned_data.get("q", ""))

    @property
    def order(self):
        sort = self.cleaned_data["sort"] or "-created"
        value, read, optional = ORDERS[sort.removeprefix("-")]
        order = keyset.Order(value, sort.startswith("-"), read, optional)
        if self.has_few_matches:
            return order.unindexed()
        if self.cleaned_data["status"] == ANY:
            order = order._replace(index_conditions=LIVE_OR_REVOKED)
        return order._replace(search=getattr(self.search, "first_ids", None))

    @property
    def is_about_unused_scopes(self):
        """Whether the list is filtered or sorted by the use of scopes."""
        sort = self.cleaned_data["sort"].removeprefix("-")
        return bool(self.cleaned_data["scope_use"]) or sort == "scopes"

    @property
    def order_label(self):
        """Return the sort order as text."""
        return dict(SORTS)[self.cleaned_data["sort"]].lower()

    def apply(self, keys):
        """Return the matching keys."""
        return self.matching(in_use_or_revoked(keys, self.cleaned_data["status"]))

    def matching(self, keys):
        """Apply all filters but the exclusion of revoked keys."""
        for query, value in self.filters():
            keys, _ = query(keys, value)
        return keys

    def listed(self, keys):
        """Return the keys to list in `order`, selected by primary key if they are few.

        Each filter is probed on its own index; if one has few matches, the planner gets
        their ids and need not guess (see `index_probes`). Otherwise, and for texts, the
        search of the order finds the keys of a page.
        """
        candidates = in_use_or_revoked(keys, self.cleaned_data["status"])
        probes, text_parts = [], None
        for query, value in self.filters():
            _, parts = query(candidates, value)
            if query is with_text:
                text_parts = parts
            elif parts:
                probes.append(parts)
        ids = selective_ids(probes)
        self.has_few_matches = ids is not None
        if self.has_few_matches:
            return with_ids(self.matching(candidates), ids)
        if any(self.filters()):
            self.search = WindowSearch(
                self.matching,
                text_parts,
                is_indexed=bool(text_parts),
                windows=COVERED_WINDOWS if self.is_covered else WINDOWS,
            )
        return candidates

    @property
    def is_covered(self):
        """Whether the index of the order has the columns of all filters."""
        by_name = self.cleaned_data["sort"].removeprefix("-") == "name"
        return by_name and [query for query, _ in self.filters()] == [with_text]

    def filters(self):
        """Yield (query, value) of each filter in use."""
        for name, field in self.fields.items():
            if isinstance(field, Filter) and self.cleaned_data[name]:
                yield field.query, self.cleaned_data[name]
