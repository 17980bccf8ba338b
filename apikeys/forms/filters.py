"""The base of the filter forms: a query string as a checked form."""

import re
from urllib.parse import urlencode

from django import forms
from django.conf import settings

from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.redaction import holds_a_secret

KEY_IN_ADDRESS = (
    "The address of this page contained part of an API key, which was not used as a"
    " filter. Browser histories and logs store addresses: if it was a whole key, revoke"
    " it. Paste keys into the search box only."
)


def not_secret(text):
    """Return the text; raise `ValidationError` if it holds part of a key."""
    if holds_a_secret(text):
        raise forms.ValidationError(KEY_IN_ADDRESS)
    return text


def public_id_in(text):
    """Return the public id that the text is, in any of its spellings, or None."""
    prefix = rf"(?:key_|{settings.API_KEY_PREFIX}_)?"
    id = rf"([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})"
    match = re.fullmatch(rf"{prefix}{id}(?:_(?:…|\.\.\.)?)?", text)
    return match and match[1]


class Choice(forms.ChoiceField):
    """One of a few; a wrong one is not repeated."""

    default_error_messages = {"invalid_choice": "This is not a valid option."}

    def __init__(self, **options):
        super().__init__(required=False, **options)


class FilterForm(forms.Form):
    """A query string, from which links and forms are made that keep what was chosen."""

    def __init__(self, data):
        super().__init__(data, auto_id="filter_%s")

    @classmethod
    def read(cls, query, **options):
        """Return the form of what can be in the query; `left_out` says what cannot."""
        data = {name: query[name] for name in cls.base_fields if name in query}
        form = cls(data, **options)
        left_out = form.errors
        if left_out:
            data = {name: data[name] for name in data if name not in left_out}
            form = cls(data, **options)
            form.full_clean()
        form.left_out = [
            f"{form[name].label}: {message}"
            for name, messages in left_out.items()
            for message in messages
        ]
        return form

    notes = ()  # what to know about how it was filtered

    @property
    def chosen(self):
        """Return what was chosen, by the names and in the spelling of the address."""
        return {
            name: self.data[name]
            for name in self.fields
            if self.cleaned_data.get(name) not in ("", None)
        }

    @property
    def narrowing(self):
        """Return how many filters are in use; what is none of them is not counted."""
        return len(self.chosen.keys() - {"sort", "q", "tz"})

    def address(self, **more):
        """Return the query string of what was chosen, with more or other values."""
        return self.address_of(self.chosen | more)

    @staticmethod
    def address_of(values):
        """Return the query string of these values."""
        return "?" + urlencode({name: value for name, value in values.items() if value})
