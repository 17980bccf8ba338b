"""What authentication adds to a view, in one process and without the network."""

import statistics
from types import SimpleNamespace

from django.db import connection
from django.test import RequestFactory

from tests.bench.contenders import CONTENDERS, NO_AUTHENTICATION, OURS
from tests.bench.results import DATABASES, Row
from tests.bench.timing import in_turns

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


def request_of(contender):
    """Return a function that calls the contender's view with a new request."""
    view = contender.view()
    headers = {"User-Agent": "python-requests/2.32.5", **contender.headers()}
    factory = RequestFactory(headers=headers)

    def call():
        request = factory.get("/flows")
        # Set by the URL resolver and the middleware otherwise.
        request.resolver_match = SimpleNamespace(route="flows")
        request.id = "0" * 32
        response = view(request)
        if response.status_code != 200:
            raise RuntimeError(f"{contender.name}: {response.data}")

    return call


def measure(rounds):
    calls = {contender.name: request_of(contender) for contender in CONTENDERS}
    in_turns(calls, WARM_UP)
    return rows(in_turns(calls, rounds), connection.vendor)


def rows(measured, vendor):
    """Return the rows: medians and p99 of each contender, and ours divided by theirs."""
    group = f"Overhead of authentication in process, {DATABASES[vendor]}"
    medians = {name: statistics.median(times) for name, times in measured.items()}
    base = medians[NO_AUTHENTICATION]
    found = [
        Row(
            group,
            f"{name}, median" if name == NO_AUTHENTICATION else f"{name} adds, median",
            medians[name] - (0 if name == NO_AUTHENTICATION else base),
            "µs",
            note=f"p99 of the whole request {statistics.quantiles(times, n=100)[-1]:,.0f} µs",
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
