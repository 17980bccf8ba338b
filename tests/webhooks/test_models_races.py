"""Concurrent changes of a webhook: one waits for the other, and no response is a 500."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction
from django.test import Client

from echopoint.webhooks.models import CapturedRequest, Webhook

pytestmark = pytest.mark.postgresql


def test_a_webhook_is_deleted_with_a_request_that_is_just_captured(
    api, webhook, meanwhile
):
    acme_api = api("webhooks:delete")

    answer = meanwhile(
        lambda: webhook.capture(method="GET"),
        lambda: acme_api.delete(f"/webhooks/{webhook.pk}"),
    )

    assert answer.status_code == 204
    assert not Webhook.objects.exists()
    assert not CapturedRequest.objects.exists()


def test_a_request_to_a_webhook_that_is_just_deleted_is_not_found(webhook, meanwhile):
    client = Client(raise_request_exception=False)

    answer = meanwhile(
        lambda: Webhook.objects.all().delete(),
        lambda: client.post(f"/webhook/{webhook.pk}"),
    )

    assert answer.status_code == 404
    assert not CapturedRequest.objects.exists()


def test_of_two_deletes_at_once_both_succeed(api, webhook, meanwhile):
    acme_api = api("webhooks:delete")

    answer = meanwhile(
        lambda: Webhook.objects.all().delete(),
        lambda: acme_api.delete(f"/webhooks/{webhook.pk}"),
    )

    assert answer.status_code == 204


def flood(webhook, count=40):
    """Send from several connections at once; return the statuses."""
    client = Client(raise_request_exception=False)

    def ask(_):
        try:
            path = f"/webhook/{webhook.pk}"
            return client.post(path, "x" * 50_000, "text/plain").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(ask, range(count)))


@pytest.mark.usefixtures("committing")
def test_senders_at_once_keep_a_webhook_within_its_limit(webhook, settings):
    settings.WEBHOOK_MAX_STORED_MEGABYTES = 1

    assert flood(webhook) == {200}

    webhook.refresh_from_db()
    kept = webhook.requests.count()
    # A few that could not wait for another's turn are dropped with the next.
    assert kept < 30
    assert webhook.dropped_count == 40 - kept


@pytest.mark.usefixtures("committing")
def test_senders_at_once_replace_the_oldest_in_a_full_organization(webhook, settings):
    settings.MAX_CAPTURED_MEGABYTES = 1
    second = Webhook.objects.create(organization=webhook.organization, name="B")
    flood(second, 3)

    assert flood(webhook) <= {200, 409}

    webhook.refresh_from_db()
    kept = webhook.requests.count()
    assert 0 < kept < 25
    assert second.requests.count() == 3


def sent_while(locking, send):
    """Send while the row of a locking query is locked; return the answer."""

    def ask():
        try:
            return send()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        locking.get()
        return pool.submit(ask).result(10)


@pytest.mark.usefixtures("committing")
def test_a_sender_does_not_wait_for_another_change_of_the_webhook(
    webhook, send, settings
):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    send()

    answer = sent_while(Webhook.objects.select_for_update(no_key=True), send)

    assert answer.status_code == 200
    assert webhook.requests.count() == 2


@pytest.mark.usefixtures("committing")
def test_a_sender_does_not_wait_for_the_deletion_of_old_requests(
    webhook, send, settings
):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    send()

    answer = sent_while(webhook.requests.select_for_update(), send)

    assert answer.status_code == 200
    assert webhook.requests.count() == 2
    send()
    assert webhook.requests.count() == 1
