"""How much webhooks take: per minute, and in all."""

import pytest

from echopoint.core import rate_limits
from echopoint.webhooks.models import CapturedRequest, Webhook
from tests.clock import NOON, clock_at


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch):
    monkeypatch.setattr(rate_limits, "time", clock_at(NOON + 43))


@pytest.fixture
def webhook(acme):
    return Webhook.objects.create(organization=acme, name="Orders")


def send(client, webhook, body="x"):
    return client.post(f"/webhook/{webhook.pk}", body, content_type="text/plain")


def test_a_webhook_takes_its_quota_and_keeps_no_more(client, webhook, settings):
    settings.CAPTURES_PER_MINUTE = 2

    answers = [send(client, webhook) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    refused = answers[2]
    assert refused["Retry-After"] == "17"
    assert refused["RateLimit-Policy"] == '"captures-webhook";q=2;w=60'
    assert refused["RateLimit"] == '"captures-webhook";r=0;t=17'
    assert refused.json()["errors"][0]["code"] == "TOO_MANY_REQUESTS"
    assert CapturedRequest.objects.count() == 2


def test_webhooks_of_an_organization_share_a_limit(client, webhook, globex, settings):
    settings.CAPTURES_PER_MINUTE_AND_ORGANIZATION = 2
    second = Webhook.objects.create(organization=webhook.organization, name="B")
    theirs = Webhook.objects.create(organization=globex, name="C")

    statuses = [
        send(client, one).status_code for one in (webhook, second, webhook, theirs)
    ]

    assert statuses == [200, 200, 429, 200]


def test_what_one_webhook_refuses_leaves_the_others_theirs(client, webhook, settings):
    settings.CAPTURES_PER_MINUTE = 1
    settings.CAPTURES_PER_MINUTE_AND_ORGANIZATION = 2
    second = Webhook.objects.create(organization=webhook.organization, name="B")
    for _ in range(5):
        send(client, webhook)

    assert send(client, second).status_code == 200


def test_a_full_organization_captures_nothing(client, webhook, settings):
    settings.MAX_STORED_MEGABYTES = 1

    first = send(client, webhook, "x" * 700_000)
    second = send(client, webhook, "x" * 700_000)
    small = send(client, webhook, "x")

    assert [one.status_code for one in (first, second, small)] == [200, 409, 200]
    assert second.json()["errors"][0]["code"] == "LIMIT_REACHED"
    assert "MB" not in second.text
    assert CapturedRequest.objects.count() == 2


def test_what_is_trimmed_counts_no_more(client, webhook, settings):
    """A webhook that is full replaces its oldest requests, and does not grow."""
    settings.MAX_STORED_MEGABYTES = 1
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1

    answers = [send(client, webhook, "x" * 300_000) for _ in range(8)]

    assert {one.status_code for one in answers} == {200}
    assert CapturedRequest.objects.count() == 1


def test_the_bytes_of_a_request_are_those_of_its_content(client, webhook):
    send(client, webhook, "é" * 100)

    row = CapturedRequest.objects.get()
    texts = len(row.search_text.encode()) + 200
    assert texts < row.stored_bytes < texts + 500
