"""The list of the audit, of few events and of many, with each combination of filters.

PostgreSQL. Both organizations have the same shares of each kind of event.
"""

import statistics

from django.db import connection

from echopoint.organizations.models import Organization
from tests.audit_queries import pages, queries_of_ids_and_times, queries_of_texts
from tests.bench.keys import owner
from tests.bench.results import Row
from tests.bench.timing import in_turns
from tests.filled_tables import fill_events

FEW = 10_000
BATCH = 250_000
TURNS = 3
GOAL = 1.5  # times of the list of few events


def measure(count):
    small, large = (
        Organization.objects.create_with_owner(name, owner())
        for name in ("Small", "Large")
    )
    fill_events(small, FEW)
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        fill_events(large, count, numbers)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    group = f"List of the audit, {count:,} events beside {FEW:,}, PostgreSQL"
    return [
        *rows(group, "ids and times", queries_of_ids_and_times(), small, large),
        *rows(group, "texts", queries_of_texts(), small, large),
    ]


def rows(group, name, queries, small, large):
    """Return rows of the medians of all combinations, and of the worst ones."""
    pairs = {query: pair_of(query, small, large) for query in queries}
    few = statistics.median(few for few, _ in pairs.values())
    many = statistics.median(many for _, many in pairs.values())
    slowest = max(pairs, key=lambda query: pairs[query][1])
    growing = max(pairs, key=lambda query: pairs[query][1] / pairs[query][0])
    grown = pairs[growing][1] / pairs[growing][0]
    return [
        Row(group, f"{name}: {FEW:,} events, median", few, "ms"),
        Row(group, f"{name}: many events, median", many, "ms"),
        Row(group, f"{name}: ratio of the medians", many / few, goal=GOAL),
        Row(group, f"{name}: slowest", pairs[slowest][1], "ms", note=f"`{slowest}`"),
        Row(group, f"{name}: largest ratio", grown, goal=GOAL, note=f"`{growing}`"),
    ]


def pair_of(query, small, large):
    """Return the milliseconds of the query for both organizations, the best of some."""
    calls = {org.pk: lambda org=org: pages(org, query) for org in (small, large)}
    times = in_turns(calls, TURNS)
    return min(times[small.pk]) / 1e3, min(times[large.pk]) / 1e3
