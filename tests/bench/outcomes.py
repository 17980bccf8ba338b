"""The check of a key by its outcome, and the parts of it."""

import statistics

from django.db import connection

from apikeys import tokens
from apikeys.models import ApiKey
from echopoint.core.base62 import checksum
from echopoint.core.refusals import Refused
from tests.bench.keys import issue
from tests.bench.results import DATABASES, Row
from tests.bench.timing import in_turns


def refused(call):
    """Wrap a call that is refused, and ignore the exception."""

    def run():
        try:
            call()
        except Refused:
            return
        raise RuntimeError("It was not refused.")

    return run


def calls():
    """Return {name: function without arguments}."""
    key, secret = issue()
    unknown = tokens.generate().text
    # A valid id with a wrong secret.
    body = f"{secret[: -len(unknown.split('_')[3])]}{unknown.split('_')[3][:-6]}"
    wrong = body + checksum(body)

    def authenticate(text):
        return ApiKey.objects.authenticate(
            text, organization_id=key.organization_id, ip=None
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
    group = f"The check of a key by its outcome, {DATABASES[connection.vendor]}"
    return [
        Row(
            *(group, f"{name}, median", statistics.median(times), "µs"),
            note=f"p99 {statistics.quantiles(times, n=100)[-1]:,.0f} µs",
        )
        for name, times in in_turns(calls(), rounds).items()
    ]
