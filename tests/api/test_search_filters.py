"""Each filter that a search takes changes what it finds, and each sort is one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from echopoint.api.fields import Boolean, Choice
from echopoint.api.search import SearchRequestSerializer, Texts
from echopoint.executions.serializers import ExecutionQuerySerializer
from echopoint.flows.serializers import FlowSearchRequestSerializer
from echopoint.keys_api.serializers import ApiKeySearchRequestSerializer
from echopoint.webhooks.models import Webhook
from echopoint.webhooks.serializers import (
    WebhookRequestSearchRequestSerializer,
    WebhookSearchRequestSerializer,
)

SEARCHES = {
    "/api-keys/search": ApiKeySearchRequestSerializer,
    "/flows/search": FlowSearchRequestSerializer,
    "/webhooks/search": WebhookSearchRequestSerializer,
    "/webhooks/{webhook}/requests/search": WebhookRequestSearchRequestSerializer,
}
# How what is found is shown, and filters by folders, which flows have none of.
SETTINGS = {"pagination", "filter", "sort_by", "sort_direction", "tag_match_mode"}
SETTINGS |= {"include_definition", "folder_id", "uncategorized"}
ADVICE = "Give it a query, or name it in SETTINGS here if it is no filter."


@pytest.fixture
def asked(api, alice, acme):
    """Return a function: the queries that a request of the API makes."""
    client = api(user=alice)
    webhook = Webhook.objects.create(organization=acme, name="Orders")

    def asked(method, path, body=None):
        path = path.format(webhook=webhook.pk)
        with CaptureQueriesContext(connection) as queries:
            response = client(method, path, body)
        assert response.status_code == 200, (path, body, response.content)
        # Those of the session name the time, so that no two are alike.
        sent = [query["sql"] for query in queries]
        return [sql for sql in sent if "session" not in sql]

    return asked


def sample(field):
    """Return a value that the field takes."""
    if isinstance(field, Texts):
        return ["GET"]
    if isinstance(field, serializers.DateTimeField):
        return "2026-01-05T10:00:00Z"
    if isinstance(field, serializers.UUIDField):
        return "0b7d3c52-9f1e-4a86-b2c4-6d5e8f901a23"
    if isinstance(field, Choice):
        return next(iter(field.choices))
    return True if isinstance(field, Boolean) else "text"


def filters(serializer):
    """Yield (what is sent, the name of the filter in it) for each filter of a search."""
    fields = serializer().fields
    for name in fields.keys() - SETTINGS:
        yield {name: sample(fields[name])}, name
    if "filter" in fields:
        for name, field in fields["filter"].fields.items():
            yield {"filter": {name: sample(field)}}, f"filter.{name}"


@pytest.mark.parametrize("path", SEARCHES)
def test_each_filter_of_a_search_has_its_query(asked, path):
    unfiltered = asked("POST", path, {})

    for body, name in filters(SEARCHES[path]):
        assert asked("POST", path, body) != unfiltered, (
            f"POST {path} takes {name}, and finds the same with it. {ADVICE}"
        )


def test_each_parameter_of_the_executions_has_its_query(asked):
    unfiltered = asked("GET", "/executions")

    for name, field in ExecutionQuerySerializer().fields.items():
        filtered = asked("GET", f"/executions?{name}={sample(field)}")
        assert filtered != unfiltered, (
            f"GET /executions takes {name}, and finds the same with it. {ADVICE}"
        )


@pytest.mark.parametrize("path", SEARCHES)
def test_each_sort_of_a_search_is_another_order(asked, path):
    sorts = SEARCHES[path]().fields["sort_by"].choices

    orders = {tuple(asked("POST", path, {"sort_by": name})) for name in sorts}

    assert len(orders) == len(sorts)


def test_every_search_is_in_the_table():
    def inheriting(serializer):
        for each in serializer.__subclasses__():
            yield each
            yield from inheriting(each)

    assert set(inheriting(SearchRequestSerializer)) == set(SEARCHES.values()), (
        "Add the search to SEARCHES."
    )
