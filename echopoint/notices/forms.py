"""The forms of a person's e-mail notices, and of an organization's webhook."""

from django import forms

from echopoint.notices.models import NoticeChoice
from echopoint.notices.models.choice import effective
from echopoint.notices.models.webhook import MAX_URL

Emails = NoticeChoice.Emails


class NoticeChoicesForm(forms.Form):
    """One field for each organization of the person; the name is the organization's id."""

    def __init__(self, *args, memberships, **kwargs):
        super().__init__(*args, **kwargs)
        self.memberships = {m.organization_id: m for m in memberships}
        for id, membership in self.memberships.items():
            self.fields[id] = forms.ChoiceField(
                label=membership.organization.name,
                choices=options(membership),
                initial=NoticeChoice.objects.of(membership),
            )

    def save(self, *, by):
        """Store the choices; return whether any changed."""
        # Lock order: chains by organization id.
        changes = [
            NoticeChoice.objects.choose(self.memberships[id], emails, by=by)
            for id, emails in sorted(self.cleaned_data.items())
        ]
        return any(changes)


def options(membership):
    """Return the choices that the member's role allows."""
    return [(e.value, e.label) for e in Emails if effective(e, membership) == e]


class WebhookForm(forms.Form):
    """The URL of the webhook."""

    url = forms.CharField(
        label="URL",
        max_length=MAX_URL,
        help_text="Begins with https:// and leads to the public Internet. Redirects are"
        " not followed.",
        error_messages={"required": "Enter the URL of the receiver."},
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class OneTimeForm(forms.Form):
    """A confirmation that can be submitted once."""

    nonce = forms.CharField(widget=forms.HiddenInput, required=False)
