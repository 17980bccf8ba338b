"""Forms for the owner and the contact of keys."""

from django import forms

from apikeys.models.ownership import MAX_ADDRESS
from echopoint.core.names import validate_name

MAX_OPTIONS = 200  # members; above this, a text field replaces the select
NO_OWNER = ("", "No owner: owners and admins receive its notices")


def owner_field(**options):
    """Return a field for the owner's e-mail address; `offer_members` makes it a select."""
    return forms.CharField(
        label="Owner",
        required=False,
        max_length=MAX_ADDRESS,
        validators=[validate_name],
        **options,
    )


def contact_field():
    return forms.CharField(
        label="Contact",
        required=False,
        max_length=MAX_ADDRESS,
        help_text="The e-mail address of a team; it needs no account. It also gets the key’s"
        " notices, with the names of the key and of the organization.",
        validators=[validate_name],
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def offer_members(field, organization, first=NO_OWNER):
    """Make the field a select of the organization's members, unless there are too many.

    `first` is the option for no member.
    """
    members = organization.memberships.select_related("user").order_by("user__email")
    members = list(members[: MAX_OPTIONS + 1])
    if len(members) <= MAX_OPTIONS:
        choices = [(m.user.email, f"{m.user.email} ({m.role})") for m in members]
        field.widget = forms.Select(choices=[first, *choices])
    else:
        field.widget.attrs |= {"autocapitalize": "off", "spellcheck": "false"}
        empty = "" if field.required else " Empty: no owner."
        field.help_text = f"The e-mail address of a member. {field.help_text}{empty}"


class OwnershipForm(forms.Form):
    """The owner and the contact of a key."""

    owner_email = owner_field(help_text="Gets the key’s notices.")
    contact_email = contact_field()

    def __init__(self, *args, organization, **kwargs):
        super().__init__(*args, **kwargs)
        offer_members(self.fields["owner_email"], organization)


class NewOwnerForm(forms.Form):
    """The new owner of several keys."""

    owner_email = owner_field(help_text="Gets the notices of these keys.")
    owner_email.required = True
    owner_email.error_messages["required"] = "Choose a member."

    def __init__(self, *args, organization, **kwargs):
        super().__init__(*args, **kwargs)
        first = ("", "Choose a member")
        offer_members(self.fields["owner_email"], organization, first)
