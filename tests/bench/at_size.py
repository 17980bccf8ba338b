"""The lookup of a key in a table of many, compared with a table of a hundred; PostgreSQL."""

import random
import statistics

from django.db import connection

from apikeys.models import ApiKey
from tests.bench.keys import issue
from tests.bench.results import Row
from tests.bench.timing import microseconds

FEW = 100
BATCH = 500_000
LOOKUPS = 4000
GOAL = 1.1
# A copy of a key with another public id; everything else costs the same for each row.
COPY = """
INSERT INTO apikeys_apikey ({columns})
SELECT {values} FROM apikeys_apikey k, generate_series(%s, %s) n WHERE k.id = %s
"""


def fill(key, numbers):
    """Copy the key once for each number, without the indexes of the lists."""
    with connection.cursor() as cursor:
        for name in list_indexes(cursor):
            cursor.execute(f'DROP INDEX "{name}"')
        changed = {
            "public_id": "lpad(n::text, 12, '0')",
            "name": "'copy ' || n",
            "name_key": "'copy ' || n",
        }
        columns = [f.column for f in ApiKey._meta.concrete_fields if not f.primary_key]
        values = [changed.get(name, f"k.{name}") for name in columns]
        insert = COPY.format(columns=", ".join(columns), values=", ".join(values))
        for first in numbers[::BATCH]:
            last = min(first + BATCH, numbers.stop) - 1
            cursor.execute(insert, [first, last, key.pk])
        cursor.execute("VACUUM ANALYZE apikeys_apikey")


def list_indexes(cursor):
    """Return the indexes that the lookup of a key does not use."""
    cursor.execute(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'apikeys_apikey'"
        " AND indexname NOT LIKE '%%pkey' AND indexname NOT LIKE '%%public_id%%'"
    )
    return [name for (name,) in cursor.fetchall()]


def look_up(public_id):
    if ApiKey.objects.by_public_id(public_id).public_id != public_id:
        raise RuntimeError("The lookup returned another key.")


def median(size):
    """Return the median microseconds of lookups of random keys."""
    ids = [f"{random.randrange(size):012}" for _ in range(LOOKUPS)]  # noqa: S311
    for public_id in ids:
        look_up(public_id)  # warm up: both sizes are read from memory
    return statistics.median(microseconds(lambda id=id: look_up(id)) for id in ids)


def measure(count):
    key, _ = issue()
    fill(key, range(FEW))
    few = median(FEW)
    fill(key, range(FEW, count))
    many = median(count)
    group = "Lookup of a key at size, PostgreSQL"
    return [
        Row(group, f"among {FEW} keys, median", few, "µs"),
        Row(group, f"among {count:,} keys, median", many, "µs"),
        Row(group, f"{count:,} keys ÷ {FEW}", many / few, goal=GOAL),
    ]
