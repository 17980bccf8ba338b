"""Pages of rows in descending order, those without a value last."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from echopoint.api.search import valued_first


@pytest.fixture
def names(issue):
    """Create two keys with a use and two without; return the names of a page."""
    now = timezone.now()
    for name, minutes in (("older", 2), ("newer", 1)):
        key, _ = issue(name=name)
        used_at = now - timedelta(minutes=minutes)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=used_at)
    for name in ("unused 1", "unused 2"):
        issue(name=name)

    def names(offset, limit):
        page = valued_first(ApiKey.objects.all(), "last_used_at", offset, limit)
        return [key.name for key in page]

    return names


ALL = ["newer", "older", "unused 2", "unused 1"]


@pytest.mark.parametrize("offset", range(6))
@pytest.mark.parametrize("limit", range(1, 6))
def test_every_page_is_a_part_of_the_whole(names, offset, limit):
    assert names(offset, limit) == ALL[offset : offset + limit]


def test_a_key_that_is_used_between_the_queries_costs_no_error(names, monkeypatch):
    monkeypatch.setattr(type(ApiKey.objects.all()), "count", lambda rows: 5)

    assert names(4, 2) == ["unused 2", "unused 1"]
