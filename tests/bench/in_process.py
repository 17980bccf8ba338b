"""What authentication adds to a view, in one process and without the network.

Prints rows as JSON, for the database of DATABASE_URL.
"""

import statistics
import sys
import time
from types import SimpleNamespace

import django

ROUNDS = 3000
WARM_UP = 100
GOALS = {  # our overhead divided by the peer's
    "postgresql": {
        "djangorestframework-api-key": 0.60,
        "DRF TokenAuthentication": 0.50,
        "django-rest-knox": 0.30,
    },
    "sqlite": {
        "djangorestframework-api-key": 0.35,
        "DRF TokenAuthentication": 0.30,
        "django-rest-knox": 0.20,
    },
}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


class Calls:
    """Calls of one contender's view, and their microseconds."""

    def __init__(self, contender):
        from django.test import RequestFactory

        self.name, self.times = contender.name, []
        self.view = contender.view()
        headers = {"User-Agent": "python-requests/2.32.5", **contender.headers()}
        self.factory = RequestFactory(headers=headers)

    def call(self):
        request = self.factory.get("/flows")
        # Set by the URL resolver and the middleware otherwise.
        request.resolver_match = SimpleNamespace(route="flows")
        request.id = "0" * 32
        start = time.perf_counter()
        response = self.view(request)
        elapsed = time.perf_counter() - start
        if response.status_code != 200:
            raise RuntimeError(f"{self.name}: {response.data}")
        return elapsed * 1e6


def measure(rounds):
    """Return {contender: microseconds of each call}; they take turns in every round."""
    from tests.bench.contenders import CONTENDERS

    calls = [Calls(contender) for contender in CONTENDERS]
    for _ in range(WARM_UP):
        for each in calls:
            each.call()
    for _ in range(rounds):
        for each in calls:
            each.times.append(each.call())
    return {each.name: each.times for each in calls}


def rows(measured, vendor):
    """Return the rows: medians and p99 of each contender, and ours divided by theirs."""
    from tests.bench.contenders import NO_AUTHENTICATION, OURS
    from tests.bench.results import Row

    group = f"Overhead of authentication in process, {NAMES[vendor]}"
    medians = {name: statistics.median(times) for name, times in measured.items()}
    base = medians[NO_AUTHENTICATION]
    found = [
        Row(
            group,
            f"{name}, median" if name == NO_AUTHENTICATION else f"{name} adds, median",
            medians[name] - (0 if name == NO_AUTHENTICATION else base),
            "µs",
            note=f"p99 of the whole request {percentile(times, 99):,.0f} µs",
        )
        for name, times in measured.items()
    ]
    quartiles = statistics.quantiles(measured[NO_AUTHENTICATION], n=4)
    noise = (quartiles[2] - quartiles[0]) / base * 100
    found.append(Row(group, "noise: middle half of the open view", noise, "%"))
    ours = medians[OURS] - base
    return found + [
        Row(group, f"ours ÷ {peer}", ours / (medians[peer] - base), goal=goal)
        for peer, goal in GOALS[vendor].items()
    ]


def percentile(times, n):
    return statistics.quantiles(times, n=100)[n - 1]


def main(rounds):
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from apikeys.db.write_buffers import write_buffers
    from tests.bench.results import dump

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        sys.stdout.write(dump(rows(measure(rounds), connection.vendor)))
        # Write pending counts now: later their table is gone.
        write_buffers.flush()
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
