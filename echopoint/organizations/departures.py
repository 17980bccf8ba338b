"""The console's question and messages about the keys of members that it removes."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from echopoint.core.names import validate_name
from echopoint.core.refusals import InvalidField
from echopoint.organizations.models import Organization, User

NO_HEIR = (
    "No remaining member has this e-mail address. Enter the address of a member who stays,"
    " or leave it empty."
)


def keys_to_field():
    """Return a field for the new owner of the keys that removed members own."""
    return forms.EmailField(
        label="New owner of removed members’ keys",
        required=False,
        help_text="The e-mail address of a member who stays. This member becomes the owner of the"
        " API keys that the members you remove here own. If empty, these keys have no owner,"
        " and owners and admins receive their notices.",
        validators=[validate_name],
    )


def account_with(email):
    """Return the user with this address, None for no address; raise `ValidationError`."""
    if not email:
        return None
    user = User.objects.filter(email=User.objects.normalize_email(email)).first()
    if user is None:
        raise forms.ValidationError(NO_HEIR)
    return user


class OrganizationForm(forms.ModelForm):
    """An organization, and the new owner of the keys of members that the form removes."""

    keys_to = keys_to_field()

    class Meta:
        model = Organization
        fields = ["name", "description"]

    def clean_keys_to(self):
        user = account_with(self.cleaned_data["keys_to"])
        is_member = user and self.instance.memberships.filter(user=user).exists()
        if user and not is_member:
            raise forms.ValidationError(NO_HEIR)
        return user


class HandsOverKeys:
    """Ask for the new owner of the members' keys when a deletion ends memberships."""

    delete_confirmation_template = "admin/organizations/delete_confirmation.html"
    delete_selected_confirmation_template = (
        "admin/organizations/delete_selected_confirmation.html"
    )

    def keys_to(self, request):
        """Return the new owner from the confirmation page, or None; raise `InvalidField`."""
        try:
            email = keys_to_field().clean(request.POST.get("keys_to", ""))
            return account_with(email)
        except forms.ValidationError as error:
            raise InvalidField("keys_to", " ".join(error.messages)) from None

    def delete_view(self, request, *args, **kwargs):
        return self.refusing(super().delete_view, request, *args, **kwargs)

    def changelist_view(self, request, *args, **kwargs):
        view = super().changelist_view
        if request.method == "POST":
            # Django logs the deletion of selected rows before it deletes them.
            view = transaction.atomic(view)
        return self.refusing(view, request, *args, **kwargs)

    def refusing(self, view, request, *args, **kwargs):
        """Call the view, a transaction; if it refuses, show the message on the same page."""
        try:
            return view(request, *args, **kwargs)
        except InvalidField as refusal:
            messages.error(request, f"Nothing was deleted. {refusal.message}")
            return HttpResponseRedirect(request.get_full_path())


def report_departure(request, change, **creator):
    """Show a message about a removed member's keys, with links to review or revoke them.

    `creator` finds the keys that the member created.
    """
    keys = change.organization.api_keys.unrevoked()
    created = keys.filter(**creator).count()
    if not (created or change.count):
        return
    left = "{} is no longer a member of {}."
    sentences = [format_html(left, change.before, change.organization)]
    if created:
        text = (
            'Keys that they created there: {}. <a href="{}">Review and revoke them</a>, or'
            " leave them as they are."
        )
        url = keys_url(change.organization, creator)
        sentences.append(format_html(text, created, url))
    if change.count:
        sentences.append(owned_keys(change))
    messages.warning(
        request, format_html(" ".join(["{}"] * len(sentences)), *sentences)
    )


def owned_keys(change):
    """Return a sentence on the new owner of the keys that the member owned."""
    count = f"{change.count:,}"
    if change.after:
        return format_html("Keys that {} now owns: {}.", change.after, count)
    text = (
        "Keys that they owned: {}. They now have no owner, so owners and admins receive"
        ' their notices. <a href="{}">Review the keys without an owner</a>.'
    )
    url = keys_url(change.organization, {"owner": None})
    return format_html(text, count, url)


def keys_url(organization, fields):
    """Return the console's URL of the unrevoked keys with these field values."""
    query = {"organization__id__exact": organization.pk, "revoked_at__isnull": True}
    for name, value in fields.items():
        lookup = f"{name}__isnull" if value is None else f"{name}__exact"
        query[lookup] = True if value is None else value
    return f"{reverse('admin:apikeys_apikey_changelist')}?{urlencode(query)}"
