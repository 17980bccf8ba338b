"""Counts of many querysets in one statement, each of which reads a bounded number of rows."""

from typing import NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Case, Q, QuerySet, Value, When

MAX_READ = 5000  # rows of each queryset


class Count(NamedTuple):
    """A number of rows; a lower bound unless it is exact."""

    number: int
    is_exact: bool

    def __str__(self):
        return f"{self.number:,}{'' if self.is_exact else '+'}"

    def __add__(self, other):
        return Count(self.number + other.number, self.is_exact and other.is_exact)


class Scan(NamedTuple):
    """Rows to read in the order of an index, and the condition on those to count."""

    rows: QuerySet
    condition: Q = Q()

    def compile(self, database):
        """Return (SQL, parameters) of a query with 1 or 0 for each row."""
        one = Value(1)
        if self.condition:
            one = Case(When(self.condition, then=one), default=Value(0))
        counted = self.rows.annotate(counted=one).values_list("counted")
        return counted[:MAX_READ].query.get_compiler(database).as_sql()


def count(scans, database):
    """Return the `Count` of each scan, in one statement."""
    counts, statements, values = [Count(0, True)] * len(scans), [], []
    for index, scan in enumerate(scans):
        try:
            sql, parameters = scan.compile(database)
        except EmptyResultSet:
            continue  # the query can have no rows
        # The SQL is that of querysets.
        statements.append(
            f"SELECT {index}, COUNT(*), COALESCE(SUM(counted), 0)"  # noqa: S608
            f" FROM ({sql}) AS scan_{index}"
        )
        values += parameters
    if statements:
        with connections[database].cursor() as cursor:
            cursor.execute(" UNION ALL ".join(statements), values)
            for index, read, found in cursor.fetchall():
                counts[index] = Count(int(found), read < MAX_READ)
    return counts
