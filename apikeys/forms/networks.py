"""The forms of lists of networks: of a key, and of a named range."""

from django import forms

from apikeys.models.network_range import NAME_LENGTH
from apikeys.network_entries import MAX_ENTRIES, split_entries
from echopoint.core.names import validate_name

EXAMPLES = "For example 203.0.113.9, 203.0.113.0/24 or 2001:db8::/32."
MAX_TEXT = 6000  # characters: more than the longest entries on as many lines
TOO_LONG = "Use at most %(limit_value)s characters; you entered %(show_value)s."


class EntriesField(forms.CharField):
    """Entries on lines of their own; the value is a list of texts."""

    def __init__(self, *, rows, **options):
        area = forms.Textarea(
            attrs={
                "rows": rows,
                "spellcheck": "false",
                "autocapitalize": "off",
                "autocomplete": "off",
            }
        )
        super().__init__(max_length=MAX_TEXT, widget=area, **options)
        self.error_messages["max_length"] = TOO_LONG

    def clean(self, value):
        return split_entries(super().clean(value))


def allowed_networks_field(*, rows):
    """Return the field of a key's list, which may be empty."""
    return EntriesField(
        rows=rows,
        label="Allowed addresses",
        required=False,
        help_text="Addresses, networks, or names of address ranges, one on each line."
        f" {EXAMPLES} Empty: any address may use the key.",
    )


class NetworksForm(forms.Form):
    """The networks from which a key may be used."""

    allowed_networks = allowed_networks_field(rows=6)

    def clean_allowed_networks(self):
        return self.cleaned_data["allowed_networks"] or None


class NetworkRangeForm(forms.Form):
    """The networks of a named range."""

    networks = EntriesField(
        rows=6,
        help_text=f"Addresses or networks, one on each line, at most {MAX_ENTRIES}."
        f" {EXAMPLES}",
        error_messages={"required": "Enter at least one address or network."},
    )


class NewNetworkRangeForm(NetworkRangeForm):
    """The name and networks of a new range."""

    name = forms.CharField(
        max_length=NAME_LENGTH,
        help_text="For example “Office” or “GitHub runners”. It cannot be changed later.",
        error_messages={"required": "Give the range a name."},
        validators=[validate_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["name", "networks"]
