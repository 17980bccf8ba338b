"""Keyset pagination: each page starts after the last row of the previous one.

Unlike OFFSET, the cost does not grow with the depth of the page.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import Func, Q

from apikeys.db.index_probes import with_ids
from echopoint.core.cursors import decode_cursor, encode_cursor

MAX_ID = 2**63 - 1
MAX_TEXT = 400


class MalformedCursor(ValueError):
    """An invalid cursor in an address."""


class Unindexed(Func):
    """An expression that the planner cannot match to an index.

    Rows that are selected by id have to be sorted. The planner may prefer to scan the
    index of the sort order and look for the few ids in it, which reads a million rows.
    """

    template = "(SELECT %(expressions)s)"
    arity = 1


class Order(NamedTuple):
    """A sort by a value, then by id. Rows without a value come last in either direction."""

    value: object
    descending: bool
    parse: Callable  # from a JSON value to that of the column, or raises ValueError
    optional: bool = False  # whether rows may have no value
    # Conditions of the partial indexes that hold this order, one part of the rows each.
    index_conditions: tuple = (Q(),)
    # A function (sorted rows, count, descending=…) → ids of the first rows that it finds, and
    # perhaps of others. It applies filters that no index serves in this order.
    search: Callable | None = None

    def unindexed(self):
        """Return this order with the index disabled, for rows selected by primary key."""
        return self._replace(value=Unindexed(self.value), index_conditions=(Q(),))


class Cursor(NamedTuple):
    """The position of a row in a sorted list; the row itself may be gone."""

    value: object
    pk: int


class Page(NamedTuple):
    """Rows, and the cursors of the pages before and after them, or empty strings."""

    rows: list
    before: str = ""
    after: str = ""


def parse_time(value):
    """Return the time in an ISO 8601 text, in UTC; raise `ValueError`."""
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError("A time without a zone.")
    return when.astimezone(UTC)


def parse_text(value):
    """Return the text if a column can hold it; raise `ValueError`."""
    if len(value) > MAX_TEXT or "\x00" in value:
        raise ValueError("Not a text of a column.")
    # JSON can hold half of a surrogate pair, which the database driver cannot encode.
    # The error is a ValueError too.
    value.encode()
    return value


def encode(cursor):
    """Return the cursor as a URL parameter."""
    value = cursor.value
    if isinstance(value, datetime):
        value = value.isoformat()
    return encode_cursor([value, cursor.pk])


def decode(parameter, order):
    """Return the cursor in a URL parameter; raise `MalformedCursor`.

    The parameter is not signed, so anything may be in it. It is used only as a value of
    a WHERE condition on rows that the caller has filtered by organization.
    """
    try:
        value, pk = decode_cursor(parameter)
        # `True` is an int for isinstance().
        if type(pk) is not int or not 0 < pk <= MAX_ID:
            raise ValueError("Not an id.")
        if value is not None or not order.optional:
            value = order.parse(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedCursor from error
    return Cursor(value, pk)


def page(rows, order, size, *, before="", after=""):
    """Return the `Page` of `rows` before or after a cursor, or the first page.

    At most two queries, or three if no rows are left before the cursor. Raise
    `MalformedCursor`.
    """
    parameter = before or after
    cursor = decode(parameter, order) if parameter else None
    backwards = bool(before)
    # One row more than fits shows whether there is another page, without a COUNT.
    found = read_rows(rows, order, size + 1, cursor, backwards)
    has_more, found = len(found) > size, found[:size]
    if parameter and not found or (backwards and not has_more):
        # The rows are gone, or the list begins here. A full first page is better than
        # an empty page or one of three rows.
        return page(rows, order, size)
    if backwards:
        found.reverse()
    return Page(
        found,
        before=cursor_of(found[0]) if backwards or cursor else "",
        after=cursor_of(found[-1]) if backwards or has_more else "",
    )


def cursor_of(row):
    return encode(Cursor(row.sort_value, row.pk))


def read_rows(rows, order, count, cursor, backwards):
    """Return up to `count` rows after the cursor, or before it when reading backwards."""
    rows = rows.annotate(sort_value=order.value)
    descending = order.descending != backwards
    direction = "-" if descending else ""
    # Rows with a value and rows without are separate queries: with one condition for
    # both, the database could not start at the right row of an index.
    parts = [rows.filter(sort_value__isnull=False), rows.filter(sort_value=None)]
    if not order.optional:
        parts = [rows]
    elif backwards:
        parts.reverse()
    if cursor:
        # The cursor is in one of the two parts; skip the part that lies before it.
        if order.optional and (cursor.value is None) != backwards:
            parts = parts[1:]
        parts[0] = parts[0].filter(is_after(cursor, descending))
    found = []
    for part in parts:
        if len(found) < count:
            missing = count - len(found)
            found += first_rows(part, order, direction, missing)
    return found


def in_batches(rows, order, size):
    """Yield all rows in lists. One statement for all could exceed the statement timeout."""
    cursor = None
    while batch := read_rows(rows, order, size, cursor, backwards=False):
        yield batch
        cursor = Cursor(batch[-1].sort_value, batch[-1].pk)


def first_rows(rows, order, direction, count):
    """Return the first `count` rows.

    With several partial indexes, the first rows of each are found along its index, and
    the result is sorted. As one query the planner could use none of them.
    """
    rows = rows.order_by(f"{direction}sort_value", f"{direction}pk")
    if not order.search and len(order.index_conditions) == 1:
        return rows[:count]
    ids = []
    for condition in order.index_conditions:
        part = rows.filter(condition)
        if order.search:
            ids += order.search(part, count, descending=direction == "-")
        else:
            ids += part.values_list("pk", flat=True)[:count]
    return in_order(with_ids(rows, ids), direction)[:count]


def in_order(rows, direction):
    """Sort rows that were selected by primary key."""
    value = Unindexed("sort_value")
    return rows.order_by(value.desc() if direction else value.asc(), f"{direction}pk")


def is_after(cursor, descending):
    """Return the condition that a row comes after the cursor."""
    than = "lt" if descending else "gt"
    later = Q(**{f"pk__{than}": cursor.pk})
    if cursor.value is None:
        return later
    # "value > v OR (value = v AND id > i)" would be a scan: an OR is no range of an
    # index. The first bound alone finds the start; the second excludes equal values
    # before it.
    bound = Q(**{f"sort_value__{than}e": cursor.value})
    return bound & (Q(**{f"sort_value__{than}": cursor.value}) | later)
