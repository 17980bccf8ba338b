import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from echopoint.webhooks.models import WEBHOOK_ID, CapturedRequest, Webhook


def ids(webhook):
    return set(webhook.requests.values_list("pk", flat=True))


def test_ids_are_opaque_and_never_the_same(webhook, acme):
    other = Webhook.objects.create(organization=acme, name="Orders")

    assert WEBHOOK_ID.fullmatch(webhook.pk)
    assert other.pk != webhook.pk
    assert re.fullmatch(r"req_[0-9A-Za-z]{16}", webhook.capture(method="GET").pk)


def test_the_oldest_captured_request_makes_room_for_a_new_one(webhook, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 2
    first, second, third = [webhook.capture(method="GET") for _ in range(3)]

    assert ids(webhook) == {second.pk, third.pk}
    assert first.pk not in ids(webhook)


def test_the_limit_itself_deletes_nothing(webhook, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 3
    kept = {webhook.capture(method="GET").pk for _ in range(3)}

    assert ids(webhook) == kept


def test_the_latest_requests_by_time_of_receipt_are_stored(webhook, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    new = webhook.capture(method="GET")
    webhook.capture(method="GET", received_at=timezone.now() - timedelta(days=1))

    assert ids(webhook) == {new.pk}


def test_a_full_webhook_takes_nothing_from_another(webhook, acme, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    other = Webhook.objects.create(organization=acme, name="Other")
    kept = other.capture(method="GET")

    webhook.capture(method="GET")
    webhook.capture(method="GET")

    assert ids(other) == {kept.pk}


def test_newer_requests_of_another_webhook_take_no_room(webhook, acme, settings):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    Webhook.objects.create(organization=acme, name="Other").capture(method="GET")

    old = webhook.capture(method="GET", received_at=timezone.now() - timedelta(days=1))

    assert ids(webhook) == {old.pk}


def test_a_thousand_captured_requests_are_stored_by_default(webhook):
    old = timezone.now() - timedelta(days=1)
    CapturedRequest.objects.bulk_create(
        CapturedRequest(webhook=webhook, method="GET", received_at=old)
        for _ in range(1000)
    )

    webhook.capture(method="GET")

    assert webhook.requests.count() == 1000


def test_text_in_a_base64_body_is_no_match(webhook):
    spelled = {"method": "POST", "body": "needle"}
    text = webhook.capture(**spelled)
    webhook.capture(**spelled, body_is_base64=True)

    assert list(webhook.requests.containing("needle")) == [text]


def test_a_webhook_that_is_gone_captures_nothing(webhook):
    stale = Webhook.objects.get(pk=webhook.pk)
    webhook.delete()

    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012, the check is at the end
        stale.capture(method="GET")
        connection.check_constraints()


def test_a_webhook_is_shown_by_name_and_a_request_without_its_contents(webhook):
    captured = webhook.capture(method="POST", body="private", headers={"A": "private"})

    assert str(webhook) == "Orders"
    assert "POST" in str(captured)
    assert "private" not in str(captured)


def test_a_failure_to_trim_is_logged_and_the_request_is_stored(
    webhook, send, settings, monkeypatch, caplog
):
    settings.WEBHOOK_MAX_CAPTURED_REQUESTS = 1
    send()

    def fail(self, pks):
        raise DatabaseError("could not extend file: No space left on device")

    monkeypatch.setattr(Webhook, "drop", fail)

    assert send().status_code == 200
    assert webhook.requests.count() == 2
    assert f"Could not trim {webhook.pk};" in caplog.text
