"""The form that asks whether a key would be allowed to make a request."""

from datetime import timedelta
from itertools import groupby

from django import forms
from django.utils import timezone

from apikeys.api_operations import api_operations, operation_with_id
from apikeys.forms.filters import validate_not_secret
from apikeys.networks import parse_address

CLOCK_DIFFERENCE = timedelta(minutes=5)  # between a browser's form and the site
EVERY = [("", "All operations")]


def resource_of(operation):
    """Return the first part of the path, such as "flows"."""
    return operation.path.split("/")[1]


def operation_choices():
    """Return the operations grouped by resource, and all of them as the first choice."""
    by_resource = groupby(sorted(api_operations(), key=resource_of), key=resource_of)
    return EVERY + [
        (resource, [(o.operation_id, label_of(o)) for o in operations])
        for resource, operations in by_resource
    ]


def label_of(operation):
    return f"{operation.operation_id} ({operation.method} {operation.path})"


class CheckForm(forms.Form):
    """An operation, the address of the client, and a time. Submitted by GET."""

    operation = forms.ChoiceField(
        choices=operation_choices,
        required=False,
        error_messages={"invalid_choice": "Choose one of the operations."},
    )
    address = forms.CharField(
        label="From the address",
        required=False,
        max_length=100,
        help_text="Empty: a client whose address is unknown.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
            }
        ),
    )
    at = forms.DateTimeField(
        label="At the time (UTC)",
        required=False,
        help_text="Empty: now. The key is judged as it is now.",
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
        ),
        error_messages={"invalid": "Enter a date and time."},
    )

    def clean_operation(self):
        """Return the operation, or None for all."""
        return operation_with_id(self.cleaned_data["operation"])

    def clean_address(self):
        """Return the address, or None for an unknown one."""
        text = validate_not_secret(self.cleaned_data["address"])
        if not text:
            return None
        if not (address := parse_address(text)):
            raise forms.ValidationError("This is not an IP address.")
        return str(address)

    def clean_at(self):
        now = timezone.now()
        at = self.cleaned_data["at"] or now
        if at < now - CLOCK_DIFFERENCE:
            raise forms.ValidationError(
                "Choose a time from now on: how the key was before is not known."
            )
        return at
