"""The forms that rotate, retire, suspend and resume a key."""

from datetime import timedelta

from django import forms
from django.utils import timezone

from apikeys import policy, timestamps
from apikeys.forms.issue import (
    NO_EXPIRY,
    RevokeApiKeyForm,
    TimeSelect,
    lifetime_choices,
    lifetime_label,
    policy_sentence,
)
from apikeys.forms.naming import DescriptionField
from apikeys.forms.ownership import contact_field, offer_members, owner_field
from apikeys.required_fields import lacks_contact, lacks_description
from apikeys.scopes import SCOPES, Scope

OVERLAPS = (
    timedelta(0),
    timedelta(hours=1),
    timedelta(hours=24),
    timedelta(days=7),
)
SAME_AS_CURRENT = "as-before"


def overlap_choices(key, *, at):
    """Return the overlaps that the policy allows, as (seconds, label)."""
    if key.is_stopped_leak:
        return [("0", "None: this key is revoked")]
    maximum = timedelta(days=key.organization.max_overlap_days)
    usual = policy.overlap(key.organization, None)
    return [
        (str(int(span.total_seconds())), overlap_label(span, key, at=at))
        for span in sorted({*OVERLAPS, usual})
        if span <= maximum
    ]


def overlap_label(span, key, *, at):
    """Return "24 hours, until 21 February 2027, 14:02 UTC"."""
    if not span:
        return "None: this key stops immediately"
    ends_at = min(at + span, key.expires_at or at + span)
    until = timestamps.in_words(ends_at)
    hours = int(span.total_seconds()) // 3600
    count, unit = (hours, "hour") if hours <= 24 else (hours // 24, "day")
    early = ", when this key expires" if ends_at == key.expires_at else ""
    return f"{count} {unit}{'' if count == 1 else 's'}, until {until}{early}"


def successor_choices(key, *, at):
    """Return the lifetimes of a successor as (value, label), the old key's first."""
    days = key.successor_lifetime(policy.DEFAULT)
    before = "No expiry" if days is None else lifetime_label(days, at=at, default=False)
    label = (SAME_AS_CURRENT, f"Same as the current key: {before}")
    if days == key.organization.max_lifetime_days:
        label = (
            SAME_AS_CURRENT,
            f"Same as the current key, within the policy: {before}",
        )
    return [label, *lifetime_choices(key.organization, at=at)]


class RotateApiKeyForm(forms.Form):
    """The overlap, scopes and expiry of a key's successor."""

    nonce = forms.CharField(widget=forms.HiddenInput, required=False)
    overlap_seconds = forms.ChoiceField(
        label="Both keys work for",
        widget=TimeSelect,
        help_text="Allow enough time to update every place that uses the key. You can end"
        " it sooner.",
    )
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Keep at least one scope selected."},
    )
    expires_in_days = forms.ChoiceField(
        label="Expiry of the new key", widget=TimeSelect
    )

    def __init__(self, *args, key, uses, **kwargs):
        super().__init__(*args, **kwargs)
        self.key, self.uses = key, uses
        organization, at = key.organization, timezone.now()
        overlap = self.fields["overlap_seconds"]
        overlap.choices = overlap_choices(key, at=at)
        usual = policy.overlap(organization, None)
        overlap.initial = str(int(usual.total_seconds()))
        if key.is_stopped_leak:
            overlap.initial, overlap.help_text = "0", ""
        scopes = self.fields["scopes"]
        valid = [name for name in key.scopes if name not in key.lapsed_scopes]
        scopes.choices = [(name, name) for name in valid]
        scopes.initial = valid
        expiry = self.fields["expires_in_days"]
        expiry.choices = successor_choices(key, at=at)
        expiry.initial = SAME_AS_CURRENT
        expiry.help_text = policy_sentence(organization)
        self.ask_for_required_fields()

    def ask_for_required_fields(self):
        """Add fields for what the policy requires and the old key lacks."""
        key, organization = self.key, self.key.organization
        if lacks_description(organization, key.description):
            self.fields["description"] = DescriptionField()
            self.fields["description"].required = True
        if lacks_contact(organization, key.owner_id, key.contact_email):
            owner = owner_field(help_text="Gets the key’s notices.")
            offer_members(owner, organization)
            self.fields |= {"owner_email": owner, "contact_email": contact_field()}

    def clean_overlap_seconds(self):
        return timedelta(seconds=int(self.cleaned_data["overlap_seconds"]))

    def clean_expires_in_days(self):
        choice = self.cleaned_data["expires_in_days"]
        if choice == SAME_AS_CURRENT:
            return policy.DEFAULT
        return None if choice == NO_EXPIRY else int(choice)

    def chosen_scopes(self):
        """Return the names of the selected scopes, in the key's order."""
        chosen = set(self["scopes"].value() or ())
        return [name for name in self.key.scopes if name in chosen]

    def scopes_by_choice(self):
        """Return the key's scopes, as [(scope, is selected, has lapsed, its use), …]."""
        chosen, lapsed = self.chosen_scopes(), self.key.lapsed_scopes
        return [
            (scope, scope.name in chosen, scope.name in lapsed, fact)
            for scope, fact in scopes_with_use(self.uses)
        ]


def scope_entries(names):
    """Return the catalog entries; a scope removed from the catalog gets a placeholder."""
    gone = "No longer in the scope catalog; it allows nothing."
    return [SCOPES.get(name) or Scope(name, gone) for name in names]


def scopes_with_use(uses):
    """Return [(catalog entry, `ScopeFact`), …] of a key's `KeyScopes`."""
    entries = scope_entries([fact.name for fact in uses.facts])
    return list(zip(entries, uses.facts, strict=True))


class RetireApiKeyForm(forms.Form):
    """Confirms retiring; `shown_verdict` is the verdict that the page showed."""

    shown_verdict = forms.CharField(
        widget=forms.HiddenInput, required=False, max_length=20
    )


class SuspendApiKeyForm(RevokeApiKeyForm):
    """The reason for suspending a key."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields[
            "reason"
        ].help_text = "For the record, for example “under investigation”."


class ResumeApiKeyForm(RevokeApiKeyForm):
    """The reason for resuming a key."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "For the record, for example “false alarm”."
