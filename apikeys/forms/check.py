"""The form that asks whether a key would be allowed to make a request."""

from itertools import groupby

from django import forms
from django.db.models import F
from django.utils import timezone

from apikeys.api_operations import api_operations, operation_with_id
from apikeys.db import keyset
from apikeys.dry_run import NO_ADDRESS, NO_PAST, accepts_keys, is_past
from apikeys.forms.audit_filters import UTCDateTimeField
from apikeys.forms.filters import Choice, FilterForm, validate_not_secret
from apikeys.networks import parse_address

EVERY = ("", "All operations")


def resource_of(operation):
    """Return the first part of the path, such as "flows"."""
    return operation.path.split("/")[1]


def operation_choices():
    """Return the operations grouped by resource, and all of them as the first choice."""
    return [EVERY, *grouped(api_operations())]


def grouped(operations):
    """Return choices of operations, grouped by resource."""
    by_resource = groupby(sorted(operations, key=resource_of), key=resource_of)
    return [
        (resource, [(o.operation_id, label_of(o)) for o in members])
        for resource, members in by_resource
    ]


def label_of(operation):
    return f"{operation.operation_id} ({operation.method} {operation.path})"


def address_field(help_text):
    """Return the field of a client's address, which may be empty."""
    area = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
    return forms.CharField(
        label="From the address",
        required=False,
        max_length=100,
        help_text=help_text,
        widget=forms.TextInput(attrs=area),
    )


def validate_address(text):
    """Return the address as it is compared, or an empty string."""
    validate_not_secret(text)
    if text and not (address := parse_address(text)):
        raise forms.ValidationError(NO_ADDRESS)
    return str(address) if text else ""


class CheckForm(forms.Form):
    """An operation, the address of the client, and a time. Submitted by GET."""

    operation = forms.ChoiceField(
        choices=operation_choices,
        required=False,
        error_messages={"invalid_choice": "Choose one of the operations."},
    )
    address = address_field("Empty: a client whose address is unknown.")
    at = UTCDateTimeField(
        label="At the time (UTC)",
        help_text="Empty: now. The key is judged as it is now.",
        error_messages={"invalid": "Enter a date and time."},
    )

    def clean_operation(self):
        """Return the operation, or None for all."""
        return operation_with_id(self.cleaned_data["operation"])

    def clean_address(self):
        """Return the address, or None for an unknown one."""
        return validate_address(self.cleaned_data["address"]) or None

    def clean_at(self):
        at = self.cleaned_data["at"] or timezone.now()
        if is_past(at):
            raise forms.ValidationError(NO_PAST)
        return at


class KeysByOperationForm(FilterForm):
    """An operation and an address, for which each key of a list is checked."""

    operation = Choice(label="Operation")
    address = address_field("Empty: an address that each key allows.")

    def __init__(self, data):
        super().__init__(data)
        self.fields["operation"].choices = [
            ("", "Choose an operation"),
            *grouped(filter(accepts_keys, api_operations())),
        ]

    def clean_address(self):
        return validate_address(self.cleaned_data["address"])

    @property
    def order(self):
        return keyset.Order(F("created_at"), True, keyset.parse_time)
