"""Which keys the list shows, and in what order: a query string as a checked form."""

import re
from itertools import groupby
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.db.models import F, Q

from apikeys.db import keyset
from apikeys.db.index_probes import APART, along, by_status, few
from apikeys.forms.creators import GROUPS, MATCHED, SuggestInput
from apikeys.models import ApiKey
from apikeys.models.querysets import ENDS_AT, IDLE_SINCE
from apikeys.scopes import PRESETS, SCOPES
from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.characters import fold
from echopoint.core.redaction import holds_a_secret

ANY = "all"
USABLE = ("active", "retiring")
STATUSES = [
    ("", "Not revoked"),
    ("usable", "Active or retiring"),
    *ApiKey.Status.choices,
    (ANY, "Any status"),
]
USES = [
    ("", "Any"),
    ("30", "Unused for 30 days"),
    ("90", "Unused for 90 days"),
    ("never", "Never used"),
    ("retired", "Used after it retired"),
]
EXPIRIES = [
    ("", "Any"),
    ("7", "Within 7 days"),
    ("30", "Within 30 days"),
    ("90", "Within 90 days"),
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
]
ORDERS = {
    "created": (F("created_at"), keyset.moment, False),
    "name": (F("name_key"), keyset.text, False),
    "expiry": (ENDS_AT, keyset.moment, True),
    "used": (F("last_used_at"), keyset.moment, True),
}
ALPHANUMERIC = r"[^\W_]"
SEPARATORS = " -_./:@(["
SHORT = (
    "Searches under three letters match the start of words only. Type more to search"
    " within words."
)
BY_CREATOR = ("created_by_id", "created_at")  # as the index has it
KEY_IN_ADDRESS = (
    "Part of an API key was in the address of the page, so it was not searched for. An"
    " address is kept in histories and logs: if it was a whole key, revoke it. Paste"
    " keys into the search box only."
)


def not_secret(text):
    """Return the text; raise `ValidationError` if it holds part of a key."""
    if holds_a_secret(text):
        raise forms.ValidationError(KEY_IN_ADDRESS)
    return text


def public_id_in(text):
    """Return the public id that the text is, in any of its spellings, or None."""
    prefix = rf"(?:key_|{settings.API_KEY_PREFIX}_)?"
    id = rf"([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})"
    match = re.fullmatch(rf"{prefix}{id}(?:_(?:…|\.\.\.)?)?", text)
    return match and match[1]


class Choice(forms.ChoiceField):
    """One of a few; a wrong one is not repeated."""

    default_error_messages = {"invalid_choice": "That is not a choice."}

    def __init__(self, **options):
        super().__init__(required=False, **options)


class FilterForm(forms.Form):
    """A query string, from which links and forms are made that keep what was chosen."""

    def __init__(self, data):
        super().__init__(data, auto_id="filter_%s")

    @classmethod
    def read(cls, query, **options):
        """Return the form of what can be in the query; `left_out` says what cannot."""
        data = {name: query[name] for name in cls.base_fields if name in query}
        form = cls(data, **options)
        left_out = form.errors
        if left_out:
            data = {name: data[name] for name in data if name not in left_out}
            form = cls(data, **options)
            form.full_clean()
        form.left_out = [
            f"{form[name].label}: {message}"
            for name, messages in left_out.items()
            for message in messages
        ]
        return form

    notes = ()  # what to know about how it was filtered

    @property
    def chosen(self):
        """Return what was chosen, by the names and in the spelling of the address."""
        return {
            name: self.data[name]
            for name in self.fields
            if self.cleaned_data.get(name) not in ("", None)
        }

    @property
    def narrowing(self):
        """Return how many filters are in use; what is none of them is not counted."""
        return len(self.chosen.keys() - {"sort", "q", "tz"})

    def address(self, **more):
        """Return the query string of what was chosen, with more or other values."""
        return self.address_of(self.chosen | more)

    @staticmethod
    def address_of(values):
        """Return the query string of these values."""
        return "?" + urlencode({name: value for name, value in values.items() if value})


def scope_choices():
    """Return the presets and the catalog, grouped."""
    presets = [(preset.name, preset.label) for preset in PRESETS.values()]
    scopes = [
        (resource, [(scope.name, scope.name) for scope in group])
        for resource, group in groupby(SCOPES.values(), key=lambda s: s.resource)
    ]
    return [("", "Any"), ("Presets", presets), *scopes]


def in_use_or_revoked(keys, status):
    """Only keys of the kind that the status is of."""
    if status == ANY:
        return keys
    if status == ApiKey.Status.REVOKED:
        return keys.filter(revoked_at__isnull=False)
    return keys.unrevoked()


# Each of these returns the keys that a filter leaves, and how to get at them: as parts
# that are all of them together, each in the order of the index that holds it, or None
# where no index helps.


def in_status(keys, status):
    """Only keys in the status that the address names."""
    if status == ANY:
        return keys, None
    statuses = USABLE if status == "usable" else [status]
    return keys.in_status(*statuses), list(by_status(keys, statuses))


def with_scope(keys, scope):
    """Only keys with the scope, or of the preset."""
    if ":" in scope:
        keys = keys.with_scope(scope)
        return keys, [keys]
    keys = keys.filter(preset=scope)
    return keys, [keys.order_by("created_at")]


def created_by(keys, chosen):
    """Only keys that one of the chosen people created, or that no account did."""
    without_person = keys.filter(chosen.without_person, created_by=None)
    parts = [without_person.order_by(*BY_CREATOR)]
    if len(chosen.people) > MATCHED:
        parts.append(keys.filter(created_by__in=chosen.people))
    else:
        each = [keys.filter(created_by=person) for person in chosen.people]
        parts += [part.order_by(*BY_CREATOR) for part in each]
    someone = Q(created_by__in=chosen.people)
    nobody = Q(chosen.without_person, created_by=None)
    return keys.filter(someone | nobody), parts


def expiring(keys, days):
    """Only keys that expire within so many days."""
    keys = keys.expiring_within(int(days))
    return keys, [keys.order_by(ENDS_AT)]


def used(keys, use):
    """Only keys that were used, or not, as the address says."""
    if use == "never":
        keys = keys.filter(last_used_at=None)
        return keys, along(keys, "last_used_at", "pk")
    if use == "retired":
        keys = keys.still_in_use()
        return keys, [keys]
    keys = keys.unused_for(int(use))
    return keys, [keys.order_by(IDLE_SINCE)]


def matching(keys, text):
    """Only keys with the text in their name, or with this id."""
    condition = named(text)
    if public_id := public_id_in(text):
        condition |= Q(public_id=public_id)
    keys = keys.filter(condition)
    return keys, [keys] if re.search(ALPHANUMERIC, text) else None


def named(text):
    """Return the condition that a name has the text, or words that begin with it."""
    text = fold(text)
    if not is_short(text):
        return Q(name_key__contains=text)
    condition = Q(name_key__startswith=text)
    for separator in SEPARATORS:
        condition |= Q(name_key__contains=f"{separator}{text}")
    return condition


def is_short(text):
    """Whether an index, which is of three letters in a row, has only words that begin so."""
    return bool(re.match(ALPHANUMERIC, text)) and not re.search(
        f"{ALPHANUMERIC}{{3}}", text
    )


class Filter:
    """A field with the query of what is chosen: (keys, value) → (keys, parts)."""

    def __init__(self, *, query, **options):
        super().__init__(**options)
        self.query = query


class ChoiceFilter(Filter, Choice):
    """One of a few."""


class TextFilter(Filter, forms.CharField):
    """Some text."""


class KeyFilterForm(FilterForm):
    """The filters, the search and the order of the list of keys."""

    status = ChoiceFilter(query=in_status, choices=STATUSES)
    scope = ChoiceFilter(
        query=with_scope, choices=scope_choices, label="Preset or scope"
    )
    creator = ChoiceFilter(query=created_by, label="Created by")
    expiring = ChoiceFilter(query=expiring, choices=EXPIRIES, label="Expires")
    use = ChoiceFilter(query=used, choices=USES)
    q = TextFilter(
        query=matching,
        label="Search",
        required=False,
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.HiddenInput,
    )
    sort = Choice(label="Sort by", choices=SORTS)

    are_few = False  # known when the filters were applied

    def __init__(self, data, *, creators):
        super().__init__(data)
        self.creators = creators
        if creators.are_many:
            self.fields["creator"] = TextFilter(
                query=created_by,
                label="Created by (e-mail, or part of it)",
                required=False,
                max_length=255,
                widget=SuggestInput(GROUPS.items()),
            )
        else:
            self.fields["creator"].choices = creators.choices()

    def clean_q(self):
        return not_secret(self.cleaned_data["q"])

    def clean_creator(self):
        """Return the `Chosen`, or an empty string."""
        text = not_secret(self.cleaned_data["creator"])
        return text and self.creators.chosen(text)

    @property
    def notes(self):
        """Return what to know about how the list was searched."""
        return [SHORT] if is_short(fold(self.cleaned_data.get("q", ""))) else []

    @property
    def order(self):
        """Return how the list is sorted."""
        sort = self.cleaned_data["sort"] or "-created"
        value, read, optional = ORDERS[sort.removeprefix("-")]
        order = keyset.Order(value, sort.startswith("-"), read, optional)
        if self.are_few:
            return order.unindexed()
        apart = self.cleaned_data["status"] == ANY
        return order._replace(apart=APART) if apart else order

    @property
    def order_label(self):
        """Return how the list is sorted, for people."""
        return dict(SORTS)[self.cleaned_data["sort"]].lower()

    def apply(self, keys):
        """Only the keys that were asked for, by their ids if those are few."""
        kept = in_use_or_revoked(keys, self.cleaned_data["status"])
        keys, tried = kept, []
        for query, value in self.filters():
            keys, _ = query(keys, value)
            _, parts = query(kept, value)
            tried += [parts] if parts else []
        ids = few(tried)
        self.are_few = ids is not None
        return keys.filter(pk__in=ids) if self.are_few else keys

    def filters(self):
        """Yield (query, value) of each filter in use."""
        for name, field in self.fields.items():
            if isinstance(field, Filter) and self.cleaned_data[name]:
                yield field.query, self.cleaned_data[name]
