"""The queue of the webhooks: one row for each event, sent until it is accepted."""

import json
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from apikeys import policy
from apikeys.db.retention import RetentionManager
from apikeys.models import AuditEvent
from echopoint.core.ids import random_base62
from echopoint.core.leased_queue import LeasedQueueItem, LeasedQueueManager
from echopoint.environments.keyring import DecryptionError
from echopoint.notices import public_post, standard_webhooks
from echopoint.notices.models.webhook import NoticeWebhook
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

GIVEN_UP_AFTER = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
GONE = 410


def message_id():
    return f"msg_{random_base62(22)}"


class NoticeDeliveryManager(
    RetentionManager, LeasedQueueManager.from_queryset(OrgOwnedQuerySet)
):
    """Queue and send events."""

    lease = timedelta(minutes=5)  # far longer than an attempt
    retention = timedelta(days=30)
    date_field = "created_at"

    def enqueue(self, organization, type, data, at=None):
        """Queue an event in the current transaction; its text is the same in each attempt."""
        at = at or timezone.now()
        body = {"type": type, "timestamp": at.isoformat(), "data": data}
        return self.create(
            organization=organization,
            type=type,
            body=json.dumps(body),
            next_attempt_at=at,
            created_at=at,
        )

    enqueue.alters_data = True

    @transaction.atomic
    def send_test(self, organization, *, by):
        """Queue an event that only tests the webhook. Raise `NoWebhook`."""
        policy.require_permission(organization, by)
        webhook = NoticeWebhook.objects.require(organization)
        delivery = self.enqueue(
            organization, "webhook.test", {"organization_id": organization.pk}
        )
        webhook.record(AuditEvent.Action.NOTICE_WEBHOOK_TESTED, by)
        return delivery

    send_test.alters_data = True

    def send_due(self, at=None):
        """Send the due events; return how many were accepted."""
        accepted = 0
        while delivery := self.claim(at or timezone.now()):
            accepted += delivery.attempt(at or timezone.now())
        return accepted

    send_due.alters_data = True


class NoticeDelivery(LeasedQueueItem, OrgOwned):
    """An event for the webhook of an organization, and the state of its delivery."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waits"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.CASCADE,
        related_name="notice_deliveries",
        db_index=False,  # the index of the list begins with it
    )
    message_id = models.CharField(max_length=40, default=message_id, editable=False)
    type = models.CharField(max_length=40)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = NoticeDeliveryManager()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "id"], name="notice_delivery_list"),
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=models.Q(state="queued"),
                name="notice_delivery_queue",
            ),
        ]

    def __str__(self):
        return f"{self.type} ({self.get_state_display()})"

    def attempt(self, at):
        """Send the event; return whether it was accepted."""
        webhook = NoticeWebhook.objects.of(self.organization)
        if webhook is None or not webhook.is_enabled:
            self.end(self.State.FAILED, at, error="The webhook is not in use.")
            return False
        try:
            status, error = self.post(webhook, at), ""
        except public_post.NotDelivered as failure:
            status, error = None, f"Not delivered: {failure}."[:200]
        except DecryptionError:
            self.end(self.State.FAILED, at, error="The secret cannot be decrypted.")
            return False
        return self.receive(webhook, status, error, at)

    attempt.alters_data = True

    def post(self, webhook, at):
        """Return the status of the response."""
        body = self.body.encode()
        headers = standard_webhooks.headers(
            webhook.signing_secrets(at), self.message_id, int(at.timestamp()), body
        )
        return public_post.post(webhook.url.decrypt(), headers, body)

    def receive(self, webhook, status, error, at):
        """Record the outcome of an attempt; return whether the event was accepted."""
        if status and 200 <= status < 300:
            self.end(self.State.DELIVERED, at, status)
            return True
        if status == GONE:
            webhook.disable(at)
            self.end(
                self.State.FAILED, at, status, "The receiver wants no more events."
            )
        elif at - self.created_at >= GIVEN_UP_AFTER:
            self.end(self.State.FAILED, at, status, error)
        else:
            self.postpone(at, status, error)
        return False

    receive.alters_data = True

    def end(self, state, at, status=None, error=""):
        self.write(state=state, ended_at=at, last_status=status, last_error=error)

    end.alters_data = True

    def postpone(self, at, status, error):
        """Try again later, with growing pauses, and with it what waits for this receiver.

        Otherwise each event for a receiver that hangs would hold up the others' events.
        """
        pause = min(FIRST_PAUSE * 4 ** min(self.attempts - 1, 6), LONGEST_PAUSE)
        self.write(next_attempt_at=at + pause, last_status=status, last_error=error)
        same = type(self).objects.for_org(self.organization).exclude(pk=self.pk)
        waiting = same.filter(state=self.State.QUEUED, next_attempt_at__lte=at)
        waiting.update(next_attempt_at=at + pause)

    postpone.alters_data = True
