"""Rate limits and stored bytes of webhooks."""

import pytest
from django.db import IntegrityError, transaction
from django.test import TestCase

from echopoint.api.quotas import CAPTURED
from echopoint.core import rate_limits
from echopoint.webhooks import limits
from echopoint.webhooks.models import CapturedRequest, Webhook
from tests.frozen_time import NOON, clock_at


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch):
    monkeypatch.setattr(rate_limits, "time", clock_at(NOON + 43))


@pytest.fixture
def webhook(acme):
    return Webhook.objects.create(organization=acme, name="Orders")


def send(client, webhook, body="x"):
    # The sums change at the commit, which the transaction of a test never comes to.
    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.post(f"/webhook/{webhook.pk}", body, content_type="text/plain")


def test_a_webhook_accepts_its_rate_limit_and_no_more(client, webhook, settings):
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


def test_requests_refused_by_one_webhook_do_not_count_for_others(
    client, webhook, settings
):
    settings.CAPTURES_PER_MINUTE = 1
    settings.CAPTURES_PER_MINUTE_AND_ORGANIZATION = 2
    second = Webhook.objects.create(organization=webhook.organization, name="B")
    for _ in range(5):
        send(client, webhook)

    assert send(client, second).status_code == 200


def kept(webhook):
    return list(webhook.requests.order_by("received_at").values_list("pk", flat=True))


def sent(client, webhook, body):
    response = send(client, webhook, body)
    assert response.status_code == 200, response.content
    return response.json()["request_id"]


def test_in_a_full_organization_a_webhook_replaces_its_oldest(
    client, webhook, settings
):
    settings.MAX_CAPTURED_MEGABYTES = 1
    first, second, third = [
        sent(client, webhook, "x" * size) for size in (300_000, 300_000, 500_000)
    ]

    webhook.refresh_from_db()
    assert kept(webhook) == [second, third]
    assert webhook.dropped_count == 1
    assert webhook.dropped_at is not None
    # The sum knows what was dropped, and what came in its place.
    fourth = sent(client, webhook, "x" * 100_000)
    assert kept(webhook) == [second, third, fourth]
    fifth = sent(client, webhook, "x" * 150_000)
    assert kept(webhook) == [third, fourth, fifth]


def test_a_webhook_with_too_little_replaces_the_oldest_of_the_largest(
    client, webhook, globex, settings
):
    settings.MAX_CAPTURED_MEGABYTES = 1
    small, large = [
        Webhook.objects.create(organization=webhook.organization, name=name)
        for name in ("Small", "Large")
    ]
    foreign = Webhook.objects.create(organization=globex, name="Theirs")
    theirs = sent(client, foreign, "x" * 900_000)
    few = sent(client, small, "x" * 100_000)
    many = [sent(client, large, "x" * 400_000) for _ in range(2)]

    sent(client, webhook, "x" * 300_000)
    second = sent(client, webhook, "x" * 350_000)
    third = sent(client, webhook, "x" * 120_000)

    # The first has nothing of its own to replace; the others do.
    assert kept(webhook) == [second, third]
    assert kept(small) == [few]
    assert kept(large) == many[1:]
    assert kept(foreign) == [theirs]
    rows = Webhook.objects.in_bulk()
    assert rows[large.pk].dropped_count == 1
    assert rows[large.pk].dropped_at is not None
    assert rows[small.pk].dropped_count == rows[foreign.pk].dropped_count == 0


def test_a_request_that_is_larger_than_all_that_may_be_captured_drops_nothing(
    client, webhook, settings, statements
):
    settings.MAX_CAPTURED_MEGABYTES = 1
    other = Webhook.objects.create(organization=webhook.organization, name="B")
    theirs = sent(client, other, "x" * 700_000)
    own = sent(client, webhook, "x" * 100_000)

    with statements() as found:
        refused = send(client, webhook, "x" * 1_000_000)

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "LIMIT_REACHED"
    assert "MB" not in refused.text
    assert kept(other) == [theirs]
    assert kept(webhook) == [own]
    # The webhook alone is read: what is sure to be refused costs little.
    assert len(found) == 1
    webhook.refresh_from_db()
    assert (webhook.dropped_count, webhook.dropped_at) == (0, None)


def test_a_limit_that_was_lowered_lets_requests_replace_older_ones(
    client, webhook, settings
):
    ids = [sent(client, webhook, "x" * 500_000) for _ in range(4)]
    settings.MAX_CAPTURED_MEGABYTES = 1

    new = sent(client, webhook, "x" * 100_000)

    assert kept(webhook) == [*ids[1:], new]


def test_captured_requests_do_not_count_towards_the_quota_of_own_rows(
    client, webhook, api, settings
):
    settings.MAX_STORED_MEGABYTES = settings.MAX_CAPTURED_MEGABYTES = 1
    call = api("collections:create", "collections:update")
    collection = call.post("/collections", {"name": "n"}).json()["id"]
    saved = {"name": "r", "method": "POST", "url": "https://a.test"}
    large = saved | {"body": {"text": "x" * 900_000}}
    for _ in range(2):
        sent(client, webhook, "x" * 900_000)

    answers = []
    for _ in range(2):
        with TestCase.captureOnCommitCallbacks(execute=True):
            answers.append(call.post(f"/collections/{collection}/requests", large))

    assert [answer.status_code for answer in answers] == [201, 409]
    assert " 1 MB in flows, executions and collections" in answers[1].text
    assert sent(client, webhook, "x" * 900_000)


def sums(webhook):
    """Return the sums in the cache: of the organization, and of the webhook."""
    own = limits.STORED_BYTES.get(webhook.pk)
    return CAPTURED.sum(webhook.organization_id), own


@pytest.mark.usefixtures("committing")
@pytest.mark.parametrize("megabytes", [1, 10])
def test_a_request_that_is_not_inserted_leaves_the_sums(
    client, webhook, settings, megabytes
):
    settings.MAX_CAPTURED_MEGABYTES = megabytes
    ids = [sent(client, webhook, "x" * 400_000) for _ in range(2)]
    before = sums(webhook)

    # Beyond 1 MB the first is dropped before the insert is refused.
    with pytest.raises(IntegrityError):
        webhook.capture(id=ids[1], method="POST", body="x" * 400_000)

    assert kept(webhook) == ids
    assert sums(webhook) == before


@pytest.mark.usefixtures("committing")
def test_a_drop_that_is_rolled_back_leaves_the_sums(client, webhook):
    ids = [sent(client, webhook, "x" * 400_000) for _ in range(2)]
    before = sums(webhook)

    with transaction.atomic():
        webhook.drop(ids[:1])
        transaction.set_rollback(True)

    assert kept(webhook) == ids
    assert sums(webhook) == before
    webhook.drop(ids[:1])
    assert max(sums(webhook)) < min(before)


@pytest.mark.usefixtures("committing")
@pytest.mark.parametrize("megabytes", [1, 10])
def test_a_capture_that_is_rolled_back_leaves_the_sum(
    client, webhook, settings, megabytes
):
    settings.MAX_CAPTURED_MEGABYTES = megabytes
    ids = [sent(client, webhook, "x" * 400_000) for _ in range(2)]
    before, _ = sums(webhook)

    with transaction.atomic():
        webhook.capture(method="POST", body="x" * 400_000)
        transaction.set_rollback(True)

    assert kept(webhook) == ids
    assert sums(webhook)[0] == before


def test_a_webhook_beyond_its_bytes_drops_its_oldest(client, webhook, settings):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1
    other = Webhook.objects.create(organization=webhook.organization, name="B")
    theirs = sent(client, other, "x" * 900_000)

    ids = [sent(client, webhook, "x" * 200_000) for _ in range(5)]

    assert kept(webhook) == ids[1:]
    assert kept(other) == [theirs]


def test_a_webhook_within_its_bytes_drops_nothing(client, webhook, settings):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1

    ids = [sent(client, webhook, "x" * 240_000) for _ in range(4)]

    assert kept(webhook) == ids


def test_bytes_that_came_before_this_process_count(client, webhook, settings):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1
    old = [webhook.requests.create(method="PUT", body="x" * 500_000) for _ in "12"]

    new = sent(client, webhook, "x" * 100_000)

    assert kept(webhook) == [old[1].pk, new]


def test_a_sum_that_is_out_of_date_drops_nothing(client, webhook, settings):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1
    sent(client, webhook, "x" * 900_000)
    webhook.requests.all().delete()
    old = webhook.requests.create(method="PUT", body="x" * 600_000)

    new = sent(client, webhook, "x" * 350_000)

    assert kept(webhook) == [old.pk, new]


def test_a_request_larger_than_the_limit_of_a_webhook_replaces_all(
    client, webhook, settings
):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1
    sent(client, webhook, "x")

    # In base64 its body is a third larger.
    large = sent(client, webhook, b"\xff" * 1_000_000)

    assert kept(webhook) == [large]


def test_a_full_webhook_is_not_scanned_for_each_request(
    client, webhook, settings, statements
):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1
    for _ in range(11):
        sent(client, webhook, "x" * 95_000)

    with statements() as found:
        sent(client, webhook, "x" * 50_000)

    assert len(found) == 3
    assert webhook.requests.count() == 10


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/{}"])
def test_dropped_requests_are_counted_on_the_row(client, webhook, settings, api, path):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    for _ in range(3):
        sent(client, webhook, "x")

    answer = api("webhooks:read").get(path.format(webhook.pk)).json()

    row = answer["items"][0] if "items" in answer else answer
    webhook.refresh_from_db()
    assert (row["request_count"], row["dropped_count"]) == (1, 2)
    assert row["dropped_at"] == webhook.dropped_at.isoformat().replace("+00:00", "Z")


def test_a_dropped_request_is_no_change_of_the_webhook(client, webhook, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    before = webhook.updated_at

    for _ in range(2):
        sent(client, webhook, "x")

    webhook.refresh_from_db()
    assert webhook.dropped_count == 1
    assert webhook.updated_at == before


def test_trimmed_requests_leave_the_sum(client, webhook, settings):
    """A webhook that is full replaces its oldest requests, and does not grow."""
    settings.MAX_CAPTURED_MEGABYTES = 1
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1

    answers = [send(client, webhook, "x" * 300_000) for _ in range(8)]

    assert {one.status_code for one in answers} == {200}
    assert CapturedRequest.objects.count() == 1


def test_the_bytes_of_a_request_are_those_of_its_content(client, webhook):
    send(client, webhook, "é" * 100)

    row = CapturedRequest.objects.get()
    texts = len(row.search_text.encode()) + 200
    assert texts < row.stored_bytes < texts + 500
