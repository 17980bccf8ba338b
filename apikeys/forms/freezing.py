"""The forms that freeze all keys of an organization and end the freeze."""

from django import forms

from apikeys.forms.issue import RevokeApiKeyForm
from echopoint.core.characters import fold


class FreezeForm(RevokeApiKeyForm):
    """The reason, and the name of the organization, typed to confirm."""

    confirm = forms.CharField(
        max_length=255,
        error_messages={"required": "Type the name of the organization."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    field_order = ["confirm", "reason"]

    def __init__(self, *args, organization, **kwargs):
        super().__init__(*args, **kwargs)
        self.organization = organization
        self.fields["confirm"].label = f"Type {organization.name} to confirm"
        self.fields[
            "reason"
        ].help_text = "For the record, for example “laptop stolen, keys at risk”."

    def clean_confirm(self):
        # Folded, because some names have letters that few keyboards have.
        if fold(self.cleaned_data["confirm"]) != fold(self.organization.name):
            raise forms.ValidationError("This is not the name of the organization.")
        return self.organization.name


class UnfreezeForm(RevokeApiKeyForm):
    """The reason for ending a freeze."""

    def __init__(self, *args, organization, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "For the record, for example “false alarm”."
