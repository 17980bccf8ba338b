"""The base of the filter forms: a query string as a checked form."""

import re
from urllib.parse import urlencode

from django import forms
from django.conf import settings

from apikeys.db.text_conditions import is_short
from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.characters import fold
from echopoint.core.redaction import holds_a_secret

KEY_IN_ADDRESS = (
    "The address of this page contained part of an API key, which was not used as a"
    " filter. Browser histories and logs store addresses: if it was a whole key, revoke"
    " it. Paste keys into the search box only."
)
INVALID_CHOICE = "This is not a valid option."
SHORT = (
    "Searches under three letters match the start of words only. Type more to search"
    " within words."
)


def validate_not_secret(text):
    """Return the text; raise `ValidationError` if it holds part of a key."""
    if holds_a_secret(text):
        raise forms.ValidationError(KEY_IN_ADDRESS)
    return text


def public_id_in(text):
    """Return the public id from any of its spellings, such as `key_<id>`, or None."""
    prefix = rf"(?:key_|{settings.API_KEY_PREFIX}_)?"
    id = rf"([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})"
    match = re.fullmatch(rf"{prefix}{id}(?:_(?:…|\.\.\.)?)?", text)
    return match and match[1]


def short_text_notes(*texts):
    """Return the remark on how short texts are searched, if one of them is short."""
    return [SHORT] if any(is_short(fold(text)) for text in texts) else []


class Choice(forms.ChoiceField):
    """An optional choice. The error does not repeat the submitted value."""

    default_error_messages = {"invalid_choice": INVALID_CHOICE}

    def __init__(self, **options):
        super().__init__(required=False, **options)


class FilterForm(forms.Form):
    """A query string as a form. Links built from it preserve the filters in use."""

    def __init__(self, data):
        super().__init__(data, auto_id="filter_%s")

    @classmethod
    def read(cls, query, **options):
        """Return the form of the valid parameters; `ignored` lists errors of the others."""
        data = {name: query[name] for name in cls.base_fields if name in query}
        form = cls(data, **options)
        errors = form.errors
        if errors:
            data = {name: data[name] for name in data if name not in errors}
            form = cls(data, **options)
            form.full_clean()
        form.ignored = [
            f"{form[name].label}: {message}"
            for name, messages in errors.items()
            for message in messages
        ]
        return form

    notes = ()  # remarks on the filtering, shown above the list

    @property
    def params(self):
        """Return the parameters in use, as spelled in the query string."""
        return {
            name: self.data[name]
            for name in self.fields
            if self.cleaned_data.get(name) not in ("", None)
        }

    @property
    def filter_count(self):
        """Return the number of filters in use; sort, search and time zone do not count."""
        return len(self.params.keys() - {"sort", "q", "tz"})

    def query_string(self, **more):
        """Return the query string of the parameters in use, overridden by `more`."""
        return self.encode(self.params | more)

    @staticmethod
    def encode(values):
        """Return the query string, without empty values."""
        return "?" + urlencode({name: value for name, value in values.items() if value})
