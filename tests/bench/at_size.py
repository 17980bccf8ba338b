"""The check of a key in a table of many, compared with a table of a hundred.

Prints rows as JSON; on PostgreSQL.
"""

import random
import statistics
import sys
import time

import django

KEYS = 10_000_000
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
    from django.db import connection

    from apikeys.models import ApiKey

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


def lookups(ids):
    """Return the microseconds of each lookup."""
    from apikeys.models import ApiKey

    times = []
    for public_id in ids:
        start = time.perf_counter()
        key = ApiKey.objects.by_public_id(public_id)
        times.append((time.perf_counter() - start) * 1e6)
        if key.public_id != public_id:
            raise RuntimeError("The lookup returned another key.")
    return times


def measure(count):
    """Return (microseconds among a few, microseconds among `count`)."""
    from apikeys.actors import Actor
    from apikeys.models import ApiKey
    from echopoint.organizations.models import Organization, User

    owner = User.objects.create_user("bench@example.com")
    organization = Organization.objects.create_with_owner("Bench", owner)
    key, _ = ApiKey.objects.issue(
        organization=organization,
        name="bench",
        scopes=["flows:read"],
        by=Actor.command("bench"),
    )
    found = []
    for numbers in (range(FEW), range(FEW, count)):
        fill(key, numbers)
        size = numbers.stop
        ids = [f"{random.randrange(size):012}" for _ in range(LOOKUPS)]  # noqa: S311
        lookups(ids)  # warm up: both sizes are read from memory
        found.append(lookups(ids))
    return found


def rows(few, many, count):
    from tests.bench.results import Row

    group = "Lookup of a key at size, PostgreSQL"
    ratio = statistics.median(many) / statistics.median(few)
    return [
        Row(group, f"among {FEW} keys, median", statistics.median(few), "µs"),
        Row(group, f"among {count:,} keys, median", statistics.median(many), "µs"),
        Row(group, f"{count:,} keys ÷ {FEW}", ratio, goal=GOAL),
    ]


def main(count):
    from django.test.utils import setup_databases, teardown_databases

    from tests.bench.results import dump

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        few, many = measure(count)
        sys.stdout.write(dump(rows(few, many, count)))
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KEYS)
