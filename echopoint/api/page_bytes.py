"""How many bytes a list answers with: a page of large rows ends before its limit.

What is measured is what the database holds; JSON can write a control character with six
letters, so that an answer may be some times as long.
"""

from django.db.models import Func, IntegerField, TextField, Value
from django.db.models.functions import Cast, Coalesce

PAGE_BYTES = 4 * 1024 * 1024


class Octets(Func):
    """The length of a text or of JSON in bytes."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def __init__(self, column):
        super().__init__(Cast(column, TextField()))

    def as_sqlite(self, compiler, connection, **more):
        # Of a text LENGTH counts letters.
        blob = "LENGTH(CAST(%(expressions)s AS BLOB))"
        return super().as_sql(compiler, connection, template=blob, **more)


def page(rows, offset, limit, heavy=()):
    """Return the rows of a page, fewer than `limit` where they are large; at least one.

    `heavy` are the columns that can be large. A client goes on at `offset` plus the
    number of rows that it got.
    """
    if heavy:
        limit = fitting(rows, offset, limit, heavy)
    return list(rows[offset : offset + limit])


def fitting(rows, offset, limit, heavy):
    """Return how many rows fit, without reading what is large in them."""
    octets = sum((Coalesce(Octets(name), Value(0)) for name in heavy), Value(0))
    sizes = rows.annotate(octets=octets).values_list("octets", flat=True)
    total = 0
    for number, size in enumerate(sizes[offset : offset + limit]):
        total += size
        if number and total > PAGE_BYTES:
            return number
    return limit
