"""Times in sentences, in UTC, in a form that pages can find and localize."""

import re
from datetime import UTC, datetime

from django.utils.formats import date_format

IN_WORDS = re.compile(r"\b\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC\b")


def in_words(when):
    """Return "21 February 2027, 14:02 UTC"."""
    return f"{date_format(when.astimezone(UTC), 'j F Y, H:i')} UTC"


def parse(text):
    """Return the time in such a text, or None."""
    try:
        return datetime.strptime(text, "%d %B %Y, %H:%M UTC").replace(tzinfo=UTC)
    except ValueError:
        return None
