"""Times, counts and hashes in the words of the audit."""

from datetime import datetime

from django.utils.formats import date_format

from apikeys import timestamps

SHORT_HASH = 12  # characters
FORMAT = "j F Y, H:i"


def time_in_words(text):
    """Return "21 February 2027, 14:02 UTC"."""
    return timestamps.in_words(datetime.fromisoformat(text))


def period(since, until):
    """Return "from 3 March 2026, 10:02 to 25 November 2026, 17:00 UTC"."""
    first, last = date_format(since, FORMAT), date_format(until, FORMAT)
    return f"on {first} UTC" if first == last else f"from {first} to {last} UTC"


def count_in_words(number, noun):
    """Return "1 event" or "1,200 events"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short_hash(hash):
    """Return the start of a hash, enough for people to compare."""
    return f"{hash[:SHORT_HASH]}…"
