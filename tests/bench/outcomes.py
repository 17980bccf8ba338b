"""The check of a key by its outcome, and the parts of it.

Prints rows as JSON, for the database of DATABASE_URL.
"""

import statistics
import sys
import time

import django

ROUNDS = 2000
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def refused(call):
    """Wrap a call that is refused, and ignore the exception."""
    from echopoint.core.refusals import Refused

    def run():
        try:
            call()
        except Refused:
            return
        raise RuntimeError("It was not refused.")

    return run


def calls():
    """Return {name: function without arguments}."""
    from apikeys import tokens
    from apikeys.actors import Actor
    from apikeys.models import ApiKey
    from echopoint.core.base62 import checksum
    from echopoint.organizations.models import Organization, User

    owner = User.objects.create_user("bench@example.com")
    organization = Organization.objects.create_with_owner("Bench", owner)
    key, secret = ApiKey.objects.issue(
        organization=organization,
        name="bench",
        scopes=["flows:read"],
        by=Actor.command("bench"),
    )
    unknown = tokens.generate().text
    # A valid id with a wrong secret.
    body = f"{secret[: -len(unknown.split('_')[3])]}{unknown.split('_')[3][:-6]}"
    wrong = body + checksum(body)

    def authenticate(text):
        return ApiKey.objects.authenticate(
            text, organization_id=organization.pk, ip=None
        )

    def orm():
        ApiKey.objects.select_related("organization").get(public_id=key.public_id)

    pepper = tokens.current_pepper()
    return {
        "digest": lambda: tokens.digest(tokens.parse(secret), pepper),
        "lookup": lambda: ApiKey.objects.by_public_id(key.public_id),
        "lookup by the ORM's get()": orm,
        "valid key": lambda: authenticate(secret),
        "unknown id": refused(lambda: authenticate(unknown)),
        "wrong secret": refused(lambda: authenticate(wrong)),
        "bad checksum": refused(lambda: authenticate(secret[:-1])),
    }


def measure(rounds):
    """Return {name: microseconds of each call}; they take turns in every round."""
    found = calls()
    times = {name: [] for name in found}
    for _ in range(rounds):
        for name, call in found.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1e6)
    return times


def main(rounds):
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from tests.bench.results import Row, dump

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        group = f"The check of a key by its outcome, {NAMES[connection.vendor]}"
        rows = [
            Row(
                *(group, f"{name}, median", statistics.median(times), "µs"),
                note=f"p99 {statistics.quantiles(times, n=100)[-1]:,.0f} µs",
            )
            for name, times in measure(rounds).items()
        ]
        sys.stdout.write(dump(rows))
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
