"""The forms that issue and revoke keys. The model validates the policy."""

from datetime import timedelta
from itertools import groupby

from django import forms
from django.utils import timezone
from django.utils.html import format_html

from apikeys import timestamps
from apikeys.forms.limit import LimitField
from apikeys.forms.naming import DescriptionField, name_field
from apikeys.forms.networks import TOO_LONG, allowed_networks_field
from apikeys.forms.ownership import contact_field, offer_members, owner_field
from apikeys.models import ApiKey
from apikeys.models.ownership import CREATOR
from apikeys.scopes import PRESETS, SCOPES
from echopoint.core.names import validate_name

USUAL_LIFETIMES = (1, 7, 30, 60, 90, 180, 365)  # days
NO_EXPIRY = "never"


def scope_choices():
    """Return the scopes grouped by resource, as [(resource, [(name, name), …]), …]."""
    return [
        (resource, [(scope.name, scope.name) for scope in scopes])
        for resource, scopes in groupby(SCOPES.values(), key=lambda s: s.resource)
    ]


def lifetime_choices(organization, *, at, also=()):
    """Return the lifetimes that the policy allows, as [(days, label), …].

    `also` has days that are not among the usual ones.
    """
    default, maximum = (
        organization.default_lifetime_days,
        organization.max_lifetime_days,
    )
    days = sorted({*USUAL_LIFETIMES, default, maximum, *also})
    choices = [
        (str(n), lifetime_label(n, at=at, default=n == default))
        for n in days
        if n <= maximum
    ]
    if organization.allow_non_expiring:
        choices.append((NO_EXPIRY, "No expiry"))
    return choices


def lifetime_label(days, *, at, default):
    """Return "90 days (default), until 21 February 2027, 14:02 UTC"."""
    until = timestamps.in_words(at + timedelta(days=days))
    count = "1 day" if days == 1 else f"{days} days"
    return f"{count}{' (default)' if default else ''}, until {until}"


def policy_sentence(organization):
    endless = organization.allow_non_expiring
    return (
        f"The policy of {organization.name}: at most"
        f" {organization.max_lifetime_days} days;"
        f" {'keys may have no expiry' if endless else 'every key must expire'}. The"
        " lifetime starts when you create the key."
    )


class TimeSelect(forms.Select):
    """A select whose labels contain times. A script adds the reader's local time.

    `<option>` cannot contain `<time>`, so each option has its time as an attribute.
    """

    def create_option(self, name, value, label, *args, **kwargs):
        option = super().create_option(name, value, label, *args, **kwargs)
        match = timestamps.IN_WORDS.search(label)
        if when := match and timestamps.parse(match[0]):
            option["attrs"]["data-utc"] = f"{when:%Y-%m-%dT%H:%MZ}"
        return option

    def render(self, name, value, attrs=None, renderer=None):
        # A narrow window truncates the label of a closed select. A script repeats it here.
        full_label = (
            '<p class="help chosen-time" data-chosen-of="{}" aria-hidden="true"></p>'
        )
        field = super().render(name, value, attrs, renderer)
        return field + format_html(full_label, name)


class IssueApiKeyForm(forms.Form):
    """The name, scopes and expiry of a new key."""

    nonce = forms.CharField(widget=forms.HiddenInput, required=False)
    name = name_field()
    description = DescriptionField()
    scopes = forms.MultipleChoiceField(
        choices=scope_choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one scope, or a preset."},
    )
    expires_in_days = forms.ChoiceField(label="Expiry", widget=TimeSelect)
    owner_email = owner_field(help_text="Gets the key’s notices.")
    contact_email = contact_field()
    allowed_networks = allowed_networks_field(rows=3)
    requests_per_minute = LimitField()

    def __init__(self, *args, organization, lifetimes=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.organization = organization
        # The error summary gets the focus if there are errors.
        self.fields["name"].widget.attrs["autofocus"] = not self.is_bound
        expiry = self.fields["expires_in_days"]
        expiry.choices = lifetime_choices(
            organization, at=timezone.now(), also=lifetimes
        )
        expiry.initial = str(organization.default_lifetime_days)
        expiry.help_text = policy_sentence(organization)
        offer_members(self.fields["owner_email"], organization)
        self.fields["requests_per_minute"].explain(organization)
        self.fields["description"].required = organization.require_description

    def clean_expires_in_days(self):
        choice = self.cleaned_data["expires_in_days"]
        return None if choice == NO_EXPIRY else int(choice)

    def clean_allowed_networks(self):
        return self.cleaned_data["allowed_networks"] or None

    def clean_owner_email(self):
        is_sent = "owner_email" in self.data
        return self.cleaned_data["owner_email"] if is_sent else CREATOR

    def chosen_scopes(self):
        """Return the names of the selected scopes, in the catalog's order."""
        chosen = set(self["scopes"].value() or ())
        return [name for name in SCOPES if name in chosen]

    def scopes_by_resource(self):
        """Return the catalog as [(resource, [(scope, is selected), …]), …]."""
        chosen = self.chosen_scopes()
        return [
            (resource, [(SCOPES[name], name in chosen) for name, _ in choices])
            for resource, choices in scope_choices()
        ]

    def presets(self):
        """Return [(preset, is selected), …]. A preset is selected if its scopes are."""
        chosen = set(self.chosen_scopes())
        return [(preset, chosen == set(preset.scopes)) for preset in PRESETS.values()]


class RevokeApiKeyForm(forms.Form):
    """The reason for revoking a key."""

    reason = forms.CharField(
        required=False,
        max_length=ApiKey._meta.get_field("revoke_reason").max_length,
        help_text="For the record, for example “replaced” or “leaked in a log”.",
        error_messages={"max_length": TOO_LONG},
        validators=[validate_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
