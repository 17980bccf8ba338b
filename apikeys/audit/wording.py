"""Moments, counts and hashes as the audit words them."""

from datetime import datetime

from django.utils.formats import date_format

from apikeys import timestamps

SHORT_HASH = 12  # characters
FORMAT = "j F Y, H:i"


def moment(text):
    """Return "21 February 2027, 14:02 UTC"."""
    return timestamps.in_words(datetime.fromisoformat(text))


def span(since, until):
    """Return "from 3 March 2026, 10:02 to 25 November 2026, 17:00 UTC"."""
    first, last = date_format(since, FORMAT), date_format(until, FORMAT)
    return f"on {first} UTC" if first == last else f"from {first} to {last} UTC"


def counted(number, noun):
    """Return "1 event" or "1,200 events"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short(hash):
    """Return the start of a hash, enough to compare two by eye."""
    return f"{hash[:SHORT_HASH]}…"
