"""The form of a key's name and description, and their fields."""

import re

from django import forms

from apikeys.forms.networks import TOO_LONG
from apikeys.models import ApiKey
from echopoint.core.names import validate_name

LINE_BREAKS = re.compile(r"[\r\n]+")


def name_field():
    return forms.CharField(
        max_length=ApiKey._meta.get_field("name").max_length,
        help_text="Say where the key is used, for example “GitHub Actions, web”.",
        error_messages={"required": "Give the key a name.", "max_length": TOO_LONG},
        validators=[validate_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class DescriptionField(forms.CharField):
    """The description of a key. Lines are joined: it is one paragraph."""

    def __init__(self):
        super().__init__(
            required=False,
            max_length=ApiKey._meta.get_field("description").max_length,
            help_text="What the key is for, and what fails without it. One paragraph.",
            error_messages={
                "required": "The policy requires a description. Say what the key is for.",
                "max_length": TOO_LONG,
            },
            validators=[validate_name],
            widget=forms.Textarea(attrs={"rows": 3}),
        )

    def to_python(self, value):
        lines = LINE_BREAKS.split(super().to_python(value))
        return " ".join(line.strip() for line in lines)


class NamingForm(forms.Form):
    """The name and description. `shown` says which ones the page showed."""

    shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    name = name_field()
    description = DescriptionField()

    def __init__(self, *args, key, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["description"].required = bool(
            key.description and key.organization.require_description
        )
