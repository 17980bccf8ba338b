"""Which keys the list shows, and in what order: a query string as a checked form."""

import re
from itertools import groupby
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Lower

from apikeys import keyset
from apikeys.models import ApiKey
from apikeys.models.lists import ENDS_AT
from apikeys.redaction import redact
from apikeys.scopes import PRESETS, SCOPES
from apikeys.tokens import PUBLIC_ID_LENGTH

ANY = "all"
USABLE = ("active", "retiring")
STATUSES = [
    ("", "Not revoked"),
    ("usable", "Working: active or retiring"),
    *ApiKey.Status.choices,
    (ANY, "Any, with revoked"),
]
USES = [
    ("", "Any"),
    ("30", "Unused for 30 days"),
    ("90", "Unused for 90 days"),
    ("never", "Never used"),
    ("retired", "Used after it retired, this week"),
]
EXPIRIES = [
    ("", "Any"),
    ("7", "Within 7 days"),
    ("30", "Within 30 days"),
    ("90", "Within 90 days"),
]
CREATORS = [("", "Anyone"), ("left", "People who left"), ("command", "Commands")]
SORTS = [
    ("", "Newest first"),
    ("created", "Oldest first"),
    ("name", "Name, A to Z"),
    ("-name", "Name, Z to A"),
    ("expiry", "Expiry, soonest first"),
    ("-expiry", "Expiry, latest first"),
    ("-used", "Last used, latest first"),
    ("used", "Last used, longest ago first"),
]
ORDERS = {
    "created": (F("created_at"), keyset.moment, False),
    "name": (Lower("name"), keyset.text, False),
    "expiry": (ENDS_AT, keyset.moment, True),
    "used": (F("last_used_at"), keyset.moment, True),
}
KEY_IN_ADDRESS = (
    "Part of an API key was in the address of the page, so it was not searched for. An"
    " address is kept in histories and logs: if it was a whole key, revoke it. Paste"
    " keys into the search box only."
)


def looks_like_a_secret(text):
    """Whether the text holds a key, whole or cut short, or the secret part of one."""
    return redact(text) != text or re.search(r"[0-9A-Za-z]{40}", text) is not None


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
            f"{form.fields[name].label}: {message}"
            for name, messages in left_out.items()
            for message in messages
        ]
        return form

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
        """Return how many filters are in use; the order and the search are not ones."""
        return len(self.chosen.keys() - {"sort", "q"})

    def address(self, **more):
        """Return the query string of what was chosen, with more or other values."""
        return self.address_of(self.chosen | more)

    @staticmethod
    def address_of(values):
        """Return the query string of these values."""
        return "?" + urlencode({name: value for name, value in values.items() if value})


class KeyFilterForm(FilterForm):
    """The filters, the search and the order of the list of keys."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.HiddenInput,
    )
    status = Choice(choices=STATUSES)
    scope = Choice(label="Preset or scope")
    creator = Choice(label="Created by")
    expiring = Choice(label="Expires", choices=EXPIRIES)
    use = Choice(choices=USES)
    sort = Choice(label="Sort by", choices=SORTS)

    def __init__(self, data, *, creators):
        super().__init__(data)
        self.fields["scope"].choices = scope_choices()
        self.fields["creator"].choices = CREATORS + [("Members", creators)]

    def clean_q(self):
        text = self.cleaned_data["q"]
        if looks_like_a_secret(text):
            raise forms.ValidationError(KEY_IN_ADDRESS)
        return text

    @property
    def order(self):
        """Return how the list is sorted."""
        sort = self.cleaned_data["sort"] or "-created"
        value, read, optional = ORDERS[sort.removeprefix("-")]
        return keyset.Order(value, sort.startswith("-"), read, optional)

    @property
    def order_label(self):
        """Return how the list is sorted, for people."""
        return dict(SORTS)[self.cleaned_data["sort"]].lower()

    def apply(self, keys):
        """Only the keys that were asked for."""
        values = self.cleaned_data
        keys = in_status(keys, values["status"])
        if scope := values["scope"]:
            keys = keys.with_scope(scope) if ":" in scope else keys.filter(preset=scope)
        if creator := values["creator"]:
            keys = made_by(keys, creator)
        if days := values["expiring"]:
            keys = keys.expiring_within(int(days))
        return matching(used(keys, values["use"]), values["q"])


def scope_choices():
    """Return the presets and the catalog, grouped."""
    presets = [(preset.name, preset.label) for preset in PRESETS.values()]
    scopes = [
        (resource, [(scope.name, scope.name) for scope in group])
        for resource, group in groupby(SCOPES.values(), key=lambda s: s.resource)
    ]
    return [("", "Any"), ("Presets", presets), *scopes]


def in_status(keys, status):
    """Only keys in the status that the address names."""
    if status == ANY:
        return keys
    if not status:
        return keys.unrevoked()
    return keys.in_status(*(USABLE if status == "usable" else [status]))


def made_by(keys, creator):
    """Only keys of this creator: a member's id, people who left, or commands."""
    person = Q(created_by_label__contains="@")
    if creator == "left":
        return keys.filter(person, creator_is_member=False)
    if creator == "command":
        return keys.filter(~person, created_by=None)
    return keys.filter(created_by=creator)


def used(keys, use):
    """Only keys that were used, or not, as the address says."""
    if use == "never":
        return keys.filter(last_used_at=None)
    if use == "retired":
        return keys.still_in_use()
    return keys.unused_for(int(use)) if use else keys


def matching(keys, text):
    """Only keys with the text in their name, or with this id."""
    if not text:
        return keys
    condition = Q(name__icontains=text)
    if public_id := public_id_in(text):
        condition |= Q(public_id=public_id)
    return keys.filter(condition)
