"""Moments in sentences: named in UTC, so that a page can put the reader's own beside it."""

import re
from datetime import UTC, datetime

from django.utils.formats import date_format

IN_WORDS = re.compile(r"\b\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC\b")


def in_words(when):
    """Return "21 February 2027, 14:02 UTC"."""
    return f"{date_format(when.astimezone(UTC), 'j F Y, H:i')} UTC"


def read(text):
    """Return the moment that is named so, or None."""
    try:
        return datetime.strptime(text, "%d %B %Y, %H:%M UTC").replace(tzinfo=UTC)
    except ValueError:
        return None
