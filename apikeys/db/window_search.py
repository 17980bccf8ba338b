"""Find the first rows of an order that match filters which the order's index cannot apply.

PostgreSQL keeps statistics for the whole table and knows no correlation between a filter and
an order. So it may read a million rows for a page: along the order, where no row matches for
a long time, or along the index of a text that a third of the rows contain. Here the first
steps read a bounded number of rows, and their result decides about the next one.
"""

from functools import cached_property

from django.db.models.expressions import RawSQL
from django.db.models.sql.datastructures import BaseTable
from django.db.models.sql.where import WhereNode

from apikeys.db.index_probes import selective_ids, with_ids
from apikeys.db.keyset import in_order

# Rows of the order that are compared with the filters, step by step.
WINDOWS = (500, 5000, 20_000)
# In the order of names, keys with a common text can be far apart: a name need not begin with it.
WINDOWS_BY_NAME = (500, 5000, 100_000)
# The index of the order has the compared columns: reading all of it is quicker than reading
# the many rows that match.
ALL = 2**31 - 1
COVERED_WINDOWS = (500, 5000, ALL)


class FirstRows(BaseTable):
    """The first rows of a sorted queryset, in place of its table.

    PostgreSQL applies conditions to such a subquery after its LIMIT, so it has to read the
    rows in their order, and stops when the outer query has enough.
    """

    def __init__(self, rows, size):
        table = rows.model._meta.db_table
        super().__init__(table, table)
        columns = [field.attname for field in rows.model._meta.concrete_fields]
        self.rows = rows.values(*columns, "sort_value")[:size]

    def as_sql(self, compiler, connection):
        sql, params = self.rows.query.get_compiler(connection=connection).as_sql()
        return f"({sql}) {connection.ops.quote_name(self.table_alias)}", params


class WindowSearch:
    """A search of filters in the order of a list.

    matching      function: rows → those that match all filters
    parts         querysets of the rows that a text matches, as in `index_probes`; None if no
                  index finds the text
    is_indexed    whether an index finds the rows with the text. The planner has statistics for
                  the other filters, and chooses by them
    windows       numbers of rows, ascending
    """

    def __init__(self, matching, parts, *, is_indexed, windows=WINDOWS):
        self.matching, self.parts = matching, parts
        self.is_indexed, self.windows = is_indexed, windows

    @cached_property
    def few(self):
        """Return the ids of all rows with the text if they are few, else None.

        The index of a text lists all matches before the first one is returned, so this is
        slow for a common text, which the windows find.
        """
        return selective_ids([self.parts]) if self.parts else None

    def first_ids(self, rows, count, *, descending):
        """Return the ids of the first `count` matching rows; `rows` are all, sorted."""
        found = self.ids_in_windows(rows, count)
        if found is not None:
            return found
        matching = self.matching(rows)
        if self.few is not None:
            matching = with_ids(matching, self.few)
        if self.few is not None or self.is_indexed:
            # Rows that match are far from where the page begins. All of them are found by
            # their text, and sorted.
            matching = in_order(matching, "-" if descending else "")
        return ids_of(matching, count)

    def ids_in_windows(self, rows, count):
        """Return the ids of the first rows if a window has enough, else None."""
        # Matches in the largest of `WINDOWS`, judging by a smaller one.
        expected = count
        for size in self.windows:
            is_large = size > WINDOWS[-1]
            is_probed = "few" in vars(self) or expected < count or is_large
            if is_probed and self.few is not None:
                return None
            ids = ids_of(self.matching(window(rows, size)), count)
            if len(ids) == count or size == ALL:
                return ids
            if size == self.windows[0] and is_all(rows, size):
                return ids
            expected = len(ids) * WINDOWS[-1] // size
        return None


def window(rows, size):
    """Return the first rows as a queryset that can be filtered."""
    table = FirstRows(rows, size)
    name = f'"{table.table_alias}"."sort_value"'
    first = rows.all()
    first.query.annotations["sort_value"] = RawSQL(name, ())  # noqa: S611, our own name
    # The conditions of `rows` are those of the subquery. Repeated, they would need columns
    # that the index of the order may lack.
    first.query.where = WhereNode()
    first.query.alias_map[table.table_alias] = table
    return first


def is_all(rows, size):
    return not rows.values_list("pk")[size : size + 1]


def ids_of(rows, count):
    return list(rows.values_list("pk", flat=True)[:count])
