"""Lists and searches of keys read few rows on PostgreSQL, apart from counting them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.filled_tables import fill_keys, people

pytestmark = pytest.mark.postgresql
KEYS = 20_000


@pytest.fixture
def search(acme, globex, api, alice):
    """Return a function that searches the many keys of an organization."""
    fill_keys(acme, KEYS, people(acme, 5))
    fill_keys(globex, 1000, people(globex, 5), all_rare=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('api_key_name_text')")
        cursor.execute("ANALYZE apikeys_apikey")
    client = api(user=alice)

    def search(**body):
        response = client.post("/api-keys/search", body)
        assert response.status_code == 200
        return response.json()

    return search


def is_count(plan):
    return "Aggregate" in plan.splitlines()[0]


def test_each_order_is_that_of_an_index(search, explained):
    for column in ("name", "created_at", "last_used_at"):
        for direction in ("ASC", "DESC"):
            plans = explained(
                lambda column=column, direction=direction: search(
                    sort_by=column, sort_direction=direction
                )
            )

            keys = [plan for plan in plans if "on apikeys_apikey" in plan]
            read = [plan for plan in keys if not is_count(plan)]
            assert read
            for plan in read:
                assert "Sort" not in plan, (column, direction)
                assert " Seq Scan on apikeys_apikey" not in plan, (column, direction)


def test_few_keys_are_found_along_the_index_of_their_filter(search, rows_read):
    long_ago = (timezone.now() - timedelta(days=30)).isoformat()
    for body in (
        {"full_text_search": "zebra"},
        {"full_text_search": "no such name"},
        {"filter": {"last_used_before": long_ago}},
        {"filter": {"last_used_before": long_ago}, "full_text_search": "api"},
    ):
        for column in ("id", "name", "created_at", "last_used_at"):
            read, nodes = rows_read(
                "apikeys_apikey",
                lambda body=body, column=column: search(**body, sort_by=column),
            )

            assert read <= 50, (body, column, nodes)
