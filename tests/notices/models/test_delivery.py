"""Events arrive signed, are sent again with growing pauses, and end."""

import base64
import hashlib
import hmac
import json

import pytest

from apikeys.actors import Actor
from apikeys.models import AuditEvent
from echopoint.environments.keyring import keyring_of
from echopoint.notices.models import ExpiryNotice, NoticeDelivery, NoticeWebhook
from echopoint.notices.notifying import notify
from tests.notices.dates import DAY, HOUR, NOW

SYSTEM = Actor.command("test")
QUEUED, DELIVERED, FAILED = NoticeDelivery.State.values


@pytest.fixture
def webhook(acme, receiver):
    NoticeWebhook.objects.set_url(acme, receiver.url, by=SYSTEM)
    return NoticeWebhook.objects.of(acme)


def enqueue(organization, at=NOW):
    data = {"organization_id": organization.pk}
    return NoticeDelivery.objects.enqueue(organization, "webhook.test", data, at=at)


def send(at=NOW):
    return NoticeDelivery.objects.send_due(at=at)


def verified(secret, headers, body):
    """Return how many signatures are of this secret, as a receiver checks them."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return headers["webhook-signature"].split(" ").count(f"v1,{mac}")


def test_a_key_that_ends_soon_is_an_event(webhook, receiver, ending, used, acme):
    key = used(ending(7, name="Deploy"))

    notify(NOW)
    notify(NOW)
    assert send() == 1

    ((_, headers, body),) = receiver.received
    (secret,) = webhook.signing_secrets()
    assert verified(secret, headers, body) == 1
    assert int(headers["webhook-timestamp"]) == int(NOW.timestamp())
    document = json.loads(body)
    assert document["type"] == "api_key.expiring"
    assert document["data"] == {
        "organization_id": acme.pk,
        "api_key": {
            "id": key.rest_id,
            "name": "Deploy",
            "display_id": key.display_id,
        },
        "ends_at": key.expires_at.isoformat(),
        "days_left": 7,
        "places": ["curl from 192.0.2.7"],
        "url": f"http://testserver:8000/orgs/{acme.pk}/api-keys/{key.public_id}/",
    }


def test_a_webhook_is_told_where_there_is_no_mail(webhook, ending, settings):
    settings.EMAIL_URL = ""
    ending(7)

    assert notify(NOW)["notices"] == 1

    assert NoticeDelivery.objects.count() == 1
    assert ExpiryNotice.objects.get().recipients.count() == 0


def test_a_webhook_is_told_of_its_organizations_keys_alone(webhook, ending, globex):
    ending(7, organization=globex)

    notify(NOW)

    assert not NoticeDelivery.objects.exists()


def test_during_a_rotation_both_secrets_verify(webhook, receiver, acme):
    (old,) = webhook.signing_secrets()
    new = webhook.rotate_secret(by=SYSTEM, at=NOW)
    enqueue(acme)

    send()

    ((_, headers, body),) = receiver.received
    assert verified(old, headers, body) == verified(new, headers, body) == 1


def test_a_refused_event_is_sent_again_unchanged_for_a_day(webhook, receiver, acme):
    receiver.status = 500
    row, at, pauses = enqueue(acme), NOW, []
    while row.state == QUEUED:
        assert send(at) == 0
        row.refresh_from_db()
        pauses.append(row.next_attempt_at - at)
        at = row.next_attempt_at

    assert pauses[:3] == [HOUR / 120, HOUR / 30, HOUR / 7.5]
    assert max(pauses[:-1]) == 4 * HOUR
    assert row.state == FAILED
    assert DAY <= row.ended_at - NOW < 2 * DAY
    assert (row.last_status, row.attempts) == (500, len(receiver.received))
    ids = {headers["webhook-id"] for _, headers, _ in receiver.received}
    assert ids == {row.message_id}
    assert len({body for _, _, body in receiver.received}) == 1
    times = [headers["webhook-timestamp"] for _, headers, _ in receiver.received]
    assert times == sorted(set(times))


def test_it_is_delivered_when_the_receiver_recovers(webhook, receiver, acme):
    receiver.status = 503
    row = enqueue(acme)
    send()
    receiver.status = 200

    assert send(NOW + HOUR) == 1

    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_status) == (DELIVERED, 2, 200)
    assert send(NOW + 2 * HOUR) == 0


def test_a_receiver_that_is_gone_is_left_alone(webhook, receiver, acme, ending):
    receiver.status = 410
    first, second = enqueue(acme), enqueue(acme)

    send()

    for row in (first, second):
        row.refresh_from_db()
    assert (first.state, second.state) == (FAILED, FAILED)
    assert first.last_error == "The receiver wants no more events."
    assert second.last_error == "The webhook is not in use."
    assert len(receiver.received) == 1
    assert not NoticeWebhook.objects.of(acme).is_enabled
    event = AuditEvent.objects.get(action="notice_webhook.disabled")
    assert event.actor_label == "the delivery of notices"
    ending(7)
    notify(NOW)
    assert NoticeDelivery.objects.count() == 2
    NoticeWebhook.objects.set_url(acme, receiver.url, by=SYSTEM)
    assert NoticeWebhook.objects.of(acme).is_enabled


def test_a_redirect_is_a_failure(webhook, receiver, acme):
    receiver.status, receiver.location = 302, receiver.url
    row = enqueue(acme)

    assert send() == 0

    row.refresh_from_db()
    assert (row.state, row.last_status) == (QUEUED, 302)


def test_what_waits_for_a_failing_receiver_holds_up_no_others(
    webhook, receiver, acme, globex, authority
):
    rows = [enqueue(acme) for _ in range(3)]
    NoticeWebhook.objects.set_url(globex, receiver.url, by=SYSTEM)
    other = enqueue(globex)
    NoticeWebhook.objects.set_url(acme, "https://localhost:1/", by=SYSTEM)

    assert send() == 1

    other.refresh_from_db()
    assert other.state == DELIVERED
    for row in rows:
        row.refresh_from_db()
    assert sorted(row.attempts for row in rows) == [0, 0, 1]
    assert rows[0].last_error == "Not delivered: the connection failed."


def test_a_private_network_is_named_in_the_error(webhook, acme, settings):
    settings.NOTICES_TO_PRIVATE_NETWORKS = False
    row = enqueue(acme)

    send()

    row.refresh_from_db()
    assert "private network" in row.last_error


def test_a_lost_encryption_key_is_reported(webhook, acme, settings):
    row = enqueue(acme)
    settings.ENCRYPTION_KEYS = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
    keyring_of.cache_clear()

    send()

    row.refresh_from_db()
    assert (row.state, row.last_error) == (FAILED, "The secret cannot be decrypted.")


@pytest.mark.postgresql
def test_concurrent_senders_send_each_event_once(
    committing, webhook, receiver, acme, at_once
):
    for _ in range(20):
        enqueue(acme)

    accepted = at_once(4, lambda n: send())

    assert sum(accepted) == 20
    ids = [headers["webhook-id"] for _, headers, _ in receiver.received]
    assert len(ids) == len(set(ids)) == 20
