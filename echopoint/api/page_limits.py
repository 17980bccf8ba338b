"""Limits of a list page: a page of large rows ends before its `limit`.

Sizes are those of the stored values. A response can be several times as long: JSON writes
a control character as six characters.
"""

from django.db.models import Func, IntegerField, TextField, Value
from django.db.models.functions import Cast, Coalesce

# A hundred rows of a megabyte each would occupy the memory of a worker.
MAX_PAGE_BYTES = 4 * 1024 * 1024


class ByteLength(Func):
    """The length of a text or JSON column in bytes."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def __init__(self, column):
        super().__init__(Cast(column, TextField()))

    def as_sqlite(self, compiler, connection, **more):
        # On SQLite, LENGTH of a text counts characters, not bytes.
        blob = "LENGTH(CAST(%(expressions)s AS BLOB))"
        return super().as_sql(compiler, connection, template=blob, **more)


def fetch_page(rows, offset, limit, large_columns=()):
    """Return the rows of a page: at most `limit`, fewer if they are large, at least one.

    Only the sizes of `large_columns` count. The next page starts at `offset` plus the number
    of returned rows.
    """
    if large_columns:
        limit = count_fitting_rows(rows, offset, limit, large_columns)
    return list(rows[offset : offset + limit])


def count_fitting_rows(rows, offset, limit, large_columns):
    """Return how many rows fit into a page."""
    row_bytes = sum(
        (Coalesce(ByteLength(name), Value(0)) for name in large_columns), Value(0)
    )
    # The database computes the sizes. To measure rows in Python, all of them would have to
    # be loaded, which is what the limit prevents.
    sizes = rows.annotate(row_bytes=row_bytes).values_list("row_bytes", flat=True)
    total = 0
    for number, size in enumerate(sizes[offset : offset + limit]):
        total += size
        # The first row is always returned; without it, the client could not go on.
        if number and total > MAX_PAGE_BYTES:
            return number
    return limit
