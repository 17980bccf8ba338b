"""The filter of the list of keys by dates of expiry, to which the page of the posture links."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.utils.formats import date_format

PATTERN = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", re.ASCII)


class ExpiryDates(NamedTuple):
    """The first and the last day, in UTC, on which keys expire."""

    first: date
    last: date

    @classmethod
    def parse(cls, text):
        """Return the dates in "2026-12-01..2026-12-07"; raise `ValueError`."""
        match = PATTERN.fullmatch(text)
        if not match:
            raise ValueError("Not two dates.")
        dates = cls(*map(date.fromisoformat, match.groups()))
        if not date.min < dates.first <= dates.last < date.max:
            raise ValueError("Not a range of dates.")
        return dates

    def __str__(self):
        return f"{self.first}..{self.last}"

    @property
    def note(self):
        first, last = (date_format(day, "j F Y") for day in self)
        when = f"on {first}" if first == last else f"from {first} to {last}"
        return f"Keys that expire {when}, in UTC, and are not being rotated."

    def times(self):
        """Return (after, until): the first is excluded and the second included."""
        start, end = (
            datetime.combine(day, time(), UTC)
            for day in (self.first, self.last + timedelta(days=1))
        )
        return start - timedelta.resolution, end - timedelta.resolution
