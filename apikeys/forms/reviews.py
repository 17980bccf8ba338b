"""The forms of access reviews."""

import re

from django import forms
from django.db.models import F

from apikeys.db import keyset
from apikeys.forms.filters import Choice, FilterForm
from apikeys.forms.issue import TOO_LONG
from apikeys.models import ReviewedKey
from apikeys.models.reviewed_key import fingerprint
from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.names import validate_name

Outcome = ReviewedKey.Outcome
# Nothing else is looked up: PostgreSQL refuses some texts, such as a NUL.
SHOWN_VALUE = re.compile(rf"([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}):([0-9a-f]+)")
MAX_CONFIRMED = 100  # keys that one request confirms, more than a page shows
ENDED = "ended"
SELECT = f"Select 1 to {MAX_CONFIRMED} keys that are still needed."
NOT_SHOWN = "A selected key was not on this page. Reload the page, then select again."


def parse_id(value):
    """Return the position in a review that a cursor holds; raise `ValueError`."""
    if type(value) is not int or not 0 <= value <= keyset.MAX_ID:
        raise ValueError("Not an id.")
    return value


class ReviewForm(FilterForm):
    """The choice of keys of an open review; in the order of names."""

    show = Choice(
        label="Keys",
        choices=[
            ("", "Still to confirm"),
            (Outcome.CONFIRMED, "Confirmed"),
            (ENDED, "Ended or rotated since the review opened"),
        ],
    )

    order = keyset.Order(F("pk"), False, parse_id)

    def apply(self, rows, at):
        """Return the rows of the review that the page shows."""
        show = self.cleaned_data["show"]
        if show == Outcome.CONFIRMED:
            return rows.filter(outcome=show)
        return rows.still_to_confirm(at, is_needed=show != ENDED)


class ReviewReportForm(FilterForm):
    """The choice of keys of an ended review; in the order of names."""

    outcome = Choice(
        label="Outcome",
        choices=lambda: [
            ("", "All"),
            *(c for c in Outcome.choices if c[0] != Outcome.PENDING),
        ],
    )

    order = keyset.Order(F("pk"), False, parse_id)

    def apply(self, rows, at):
        outcome = self.cleaned_data["outcome"]
        return rows.filter(outcome=outcome) if outcome else rows


class ReviewListForm(FilterForm):
    """The order of the list of reviews: newest first."""

    order = keyset.Order(F("number"), True, parse_id)


class RepeatedField(forms.Field):
    """A field that is sent once for each row."""

    widget = forms.MultipleHiddenInput

    def __init__(self):
        super().__init__(required=False)


class StartReviewForm(forms.Form):
    """Start a review. `shown` is the policy, as `terms`, that the page showed."""

    shown = forms.Field(required=False, widget=forms.HiddenInput)


class ConfirmKeysForm(forms.Form):
    """The selected keys, what the page showed of each, and a note.

    The button of a row sends `only`, and then the checkboxes do not count.
    """

    key = RepeatedField()
    only = forms.Field(required=False, widget=forms.HiddenInput)
    shown = RepeatedField()
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=ReviewedKey._meta.get_field("note").max_length,
        help_text="Recorded with each key that you confirm, for example “nightly builds”.",
        error_messages={"max_length": TOO_LONG},
        validators=[validate_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self):
        """Set `confirmed`, {public id: the fingerprint that was shown}."""
        cleaned = super().clean()
        only = cleaned.get("only")
        chosen = {only} if only else set(cleaned.get("key") or ())
        shown = dict(filter(None, map(parse_shown, cleaned.get("shown") or ())))
        if not 0 < len(chosen) <= MAX_CONFIRMED:
            raise forms.ValidationError(SELECT)
        if not chosen <= shown.keys():
            raise forms.ValidationError(NOT_SHOWN)
        cleaned["confirmed"] = {id: shown[id] for id in chosen}
        return cleaned


def parse_shown(text):
    """Return (public id, fingerprint) of a `shown_value`, or None."""
    match = SHOWN_VALUE.fullmatch(text)
    return match and match.groups()


def shown_value(key):
    """Return what a page sends back about the key, to detect a change since then."""
    return f"{key.public_id}:{fingerprint(key)}"
