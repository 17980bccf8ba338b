"""The numbers of the posture read few rows of many keys, on PostgreSQL."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apikeys.db import bounded_counts
from apikeys.models import ApiKey, ScopeRecording
from apikeys.posture import numbers
from apikeys.posture.measures import (
    AGE,
    EXPIRY,
    PROTECTION,
    TOTAL,
    USE,
    WARNINGS,
    expiry_weeks,
)
from apikeys.posture.numbers import Posture
from tests.filled_tables import fill_keys, fill_warnings, people

pytestmark = pytest.mark.postgresql
KEYS = 3000
MAX_READ = 40


@pytest.fixture
def many(acme, globex, monkeypatch):
    """Return an organization with many keys, half of them revoked, beside another one."""
    ScopeRecording.objects.update(began_at=timezone.now() - timedelta(days=200))
    for organization in (acme, globex):
        fill_keys(organization, KEYS, people(organization, 6))
        fill_warnings(organization)
    half = ApiKey.objects.for_org(acme)
    ids = list(half.order_by("pk").values_list("pk", flat=True)[: KEYS // 2])
    half.filter(pk__in=ids).update(revoked_at=timezone.now(), owner=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE apikeys_apikey, apikeys_keywarning, apikeys_refusal")
        # What a table of a million decides by itself.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    for module in (bounded_counts, numbers):
        monkeypatch.setattr(module, "MAX_READ", MAX_READ)
    return acme


@pytest.mark.parametrize(
    "measures",
    [[TOTAL], AGE, EXPIRY, USE, WARNINGS, PROTECTION, "weeks"],
    ids=["total", "age", "expiry", "use", "warnings", "protection", "weeks"],
)
def test_each_number_reads_few_keys(many, rows_read, measures):
    if measures == "weeks":
        measures = list(expiry_weeks(timezone.now().date()))

    for measure in measures:
        read, nodes = rows_read(
            "apikeys_apikey",
            lambda measure=measure: Posture(many, "default", [measure]),
        )

        assert read <= 4 * MAX_READ, (measure, nodes)
