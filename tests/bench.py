"""Measure requests with an API key: `make bench`, on the database of DATABASE_URL.

Prints, for each outcome, the median and the 95th percentile in microseconds and the
queries it took. Numbers of a busy machine differ from run to run; compare lines of one.
"""

import os
import statistics
import sys
import time

import django

ROUNDS = 1000


def measure(name, call):
    """Run the call many times and print its cost."""
    from django.db import connection

    call()  # warm up: records the first use and fills caches
    queries = []

    def count(execute, *arguments):
        queries.append(1)
        return execute(*arguments)

    with connection.execute_wrapper(count):
        call()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    median, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    sys.stdout.write(f"{name:<38}{median:>9.0f}{high:>9.0f}{len(queries):>9}\n")


def refused(call):
    """Wrap a call that is refused, and ignore the exception."""
    from echopoint.core.refusals import Refused

    def run():
        try:
            call()
        except Refused:
            return
        raise AssertionError("It was not refused.")

    return run


def main():
    from django.conf import settings
    from django.db import connection
    from django.test import Client

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

    # Measure counting, not refusing.
    settings.API_REQUESTS_PER_MINUTE = settings.API_MAX_REQUESTS_PER_MINUTE = 10**9
    client = Client()
    headers = {"X-Api-Key": secret, "X-Organization-Id": organization.pk}

    sys.stdout.write(f"{connection.vendor}, {ROUNDS} rounds\n")
    sys.stdout.write(f"{'':<38}{'median':>9}{'p95':>9}{'queries':>9}\n")
    measure(
        "digest alone",
        lambda: tokens.digest(tokens.parse(secret), tokens.current_pepper()),
    )
    measure("lookup, compiled once", lambda: ApiKey.objects.by_public_id(key.public_id))
    measure("lookup, the ORM's get()", orm)
    measure("authenticate, valid", lambda: authenticate(secret))
    measure("authenticate, unknown id", refused(lambda: authenticate(unknown)))
    measure("authenticate, wrong secret", refused(lambda: authenticate(wrong)))
    measure("authenticate, bad checksum", refused(lambda: authenticate(secret[:-1])))
    measure("GET /api-keys/self", lambda: client.get("/api-keys/self", headers=headers))
    measure("GET /flows", lambda: client.get("/flows", headers=headers))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from apikeys.db.write_buffers import write_buffers

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        main()
        # Write pending counts now: later their table is gone.
        write_buffers.flush()
    finally:
        teardown_databases(databases, verbosity=0)
