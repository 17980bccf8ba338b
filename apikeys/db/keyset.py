"""Pages of a long list: each begins where the one before it ended, at any depth alike."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import Func, Q

from echopoint.core.addresses import packed, unpacked

MAX_ID = 2**63 - 1
MAX_TEXT = 400


class MalformedCursor(ValueError):
    """Text that names no place in a list."""


class Unindexed(Func):
    """A value as it is, but not one that an index is known to hold."""

    template = "(SELECT %(expressions)s)"
    arity = 1


class Order(NamedTuple):
    """A sort: by a value, then by id. Rows without a value come last either way."""

    value: object
    descending: bool
    read: Callable  # makes the value of what JSON holds, or raises ValueError
    optional: bool = False
    apart: tuple = (Q(),)  # conditions of parts that each have an index of this order

    def unindexed(self):
        """Return the same order for rows that are found otherwise and then sorted."""
        return self._replace(value=Unindexed(self.value), apart=(Q(),))


class Cursor(NamedTuple):
    """A place in a sorted list: that of a row, which need not be there any more."""

    value: object
    pk: int


class Page(NamedTuple):
    """Rows, and the places before and after them, where there are more."""

    rows: list
    before: str = ""
    after: str = ""


def moment(value):
    """Return the time in an ISO 8601 text."""
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError("A time without a zone.")
    return when.astimezone(UTC)


def text(value):
    """Return the text, if a column can hold it."""
    if len(value) > MAX_TEXT or "\x00" in value:
        raise ValueError("Not a text of a column.")
    value.encode()  # half of a pair is a ValueError too
    return value


def encode(cursor):
    """Return the cursor as it stands in an address."""
    value = cursor.value
    if isinstance(value, datetime):
        value = value.isoformat()
    return packed([value, cursor.pk])


def decode(address, order):
    """Return the cursor that stands in an address; raise `MalformedCursor`."""
    try:
        value, pk = unpacked(address)
        if type(pk) is not int or not 0 < pk <= MAX_ID:
            raise ValueError("Not an id.")
        if value is not None or not order.optional:
            value = order.read(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedCursor from error
    return Cursor(value, pk)


def page(rows, order, size, *, before="", after=""):
    """Return the `Page` of `rows` at one of these places, or the first one.

    At most two queries, or three for a place that has nothing left in front of it.
    Raise `MalformedCursor`.
    """
    place = before or after
    cursor = decode(place, order) if place else None
    backwards = bool(before)
    found = read(rows, order, size + 1, cursor, backwards)
    more, found = len(found) > size, found[:size]
    if place and not found or (backwards and not more):
        # What was there is gone, or the list begins here: show its whole first page.
        return page(rows, order, size)
    if backwards:
        found.reverse()
    return Page(
        found,
        before=mark(found[0]) if backwards or cursor else "",
        after=mark(found[-1]) if backwards or more else "",
    )


def mark(row):
    """Return the place of a row."""
    return encode(Cursor(row.sort_value, row.pk))


def read(rows, order, count, cursor, backwards):
    """Return up to so many rows beyond the cursor, in the direction of reading."""
    rows = rows.annotate(sort_value=order.value)
    descending = order.descending != backwards
    direction = "-" if descending else ""
    # Rows with a value and those without are read apart: one condition for both would
    # keep the database from starting at the right place of an index.
    parts = [rows.filter(sort_value__isnull=False), rows.filter(sort_value=None)]
    if not order.optional:
        parts = [rows]
    elif backwards:
        parts.reverse()
    if cursor:
        if order.optional and (cursor.value is None) != backwards:
            parts = parts[1:]
        parts[0] = parts[0].filter(beyond(cursor, descending))
    found = []
    for part in parts:
        if len(found) < count:
            found += first_of(part, order.apart, direction, count - len(found))
    return found


def first_of(rows, apart, direction, count):
    """Return the first rows; where parts are apart, the first of the first of each."""
    rows = rows.order_by(f"{direction}sort_value", f"{direction}pk")
    if len(apart) > 1:
        ids = [
            pk
            for condition in apart
            for pk in rows.filter(condition).values_list("pk", flat=True)[:count]
        ]
        rows = rows.filter(pk__in=ids)
    return rows[:count]


def beyond(cursor, descending):
    """Return the condition that a row comes after the cursor."""
    than = "lt" if descending else "gt"
    later = Q(**{f"pk__{than}": cursor.pk})
    if cursor.value is None:
        return later
    # The first bound alone finds the place in the index; the second sorts out ties.
    bound = Q(**{f"sort_value__{than}e": cursor.value})
    return bound & (Q(**{f"sort_value__{than}": cursor.value}) | later)
