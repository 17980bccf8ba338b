"""The fields of the policy's lists: scopes of a role, scopes that need a list, days."""

import re

from django import forms

from apikeys.exceptions import InvalidKeyRequest
from apikeys.forms.issue import scope_choices
from apikeys.policy import (
    MAX_NOTICE_DAYS,
    MAX_NOTICES,
    NOTICE_DAYS,
    require_notice_days,
)
from apikeys.scope_policy import granted_in_words
from apikeys.scopes import PRESETS, SCOPES

EVERY = "*"
EVERY_SCOPE = "Every scope of the role"
SEPARATORS = re.compile(r"[\s,;]+")
DAY = re.compile(r"[0-9]{1,3}", re.ASCII)
WRONG_DAYS = (
    f"Enter 1 to {MAX_NOTICES} different whole numbers from 1 to {MAX_NOTICE_DAYS},"
    " separated by commas."
)


def role_choices():
    presets = [(name, f"Preset {preset.label}") for name, preset in PRESETS.items()]
    return [(EVERY, EVERY_SCOPE), ("Presets", presets), *scope_choices()]


class RoleScopesField(forms.MultipleChoiceField):
    """The scopes and presets that a role may grant; None for every scope of the role."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options):
        super().__init__(choices=role_choices, **options)
        self.error_messages["required"] = (
            f"Choose “{EVERY_SCOPE}”, or at least one preset or scope."
        )

    def prepare_value(self, value):
        return [EVERY] if value is None else value

    def clean(self, value):
        chosen = super().clean(value)
        if chosen == [EVERY]:
            return None
        if EVERY in chosen:
            raise forms.ValidationError(
                f"Choose either “{EVERY_SCOPE}” or single scopes. To limit the role, untick"
                f" “{EVERY_SCOPE}”."
            )
        return [name for name in (*PRESETS, *SCOPES) if name in chosen]


class ListedScopesField(forms.MultipleChoiceField):
    """The scopes that need a list of allowed addresses, or None."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options):
        super().__init__(choices=listed_choices, required=False, **options)

    def prepare_value(self, value):
        return value or []

    def clean(self, value):
        chosen = super().clean(value)
        return [name for name in SCOPES if name in chosen] or None


def listed_choices():
    """Return the scopes, grouped by resource, with the sensitive ones marked."""
    return [
        (resource, [(name, scope_label(name)) for name, _ in choices])
        for resource, choices in scope_choices()
    ]


def scope_label(name):
    return f"{name} (sensitive)" if SCOPES[name].sensitive else name


class NoticeDaysField(forms.CharField):
    """Days before the end of a key, descending, or None for the default days."""

    def __init__(self, **options):
        widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text"})
        super().__init__(required=False, max_length=100, widget=widget, **options)

    def prepare_value(self, value):
        return joined(value) if isinstance(value, list) else value

    def clean(self, value):
        parts = [part for part in SEPARATORS.split(super().clean(value)) if part]
        if not parts:
            return None
        if not all(map(DAY.fullmatch, parts)):
            raise forms.ValidationError(WRONG_DAYS)
        days = sorted(map(int, parts), reverse=True)
        try:
            require_notice_days(days)
        except InvalidKeyRequest:
            raise forms.ValidationError(WRONG_DAYS) from None
        return days


def joined(values):
    return ", ".join(map(str, values))


def role_scopes_in_words(value):
    return "every scope of the role" if value is None else granted_in_words(value)


def listed_scopes_in_words(value):
    return joined(value) if value else "no scope"


def notice_days_in_words(value):
    days = f"{joined(value or NOTICE_DAYS)} days before, and on the day"
    return days if value else f"{days} (default)"
