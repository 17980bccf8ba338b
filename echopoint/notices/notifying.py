"""Record the notices of a day, then queue a digest for each person.

Both steps may run in several processes at the same time and be interrupted at any point.
The next run continues.
"""

import logging
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from echopoint.notices.audience import Audience
from echopoint.notices.digest_mail import digest
from echopoint.notices.due_keys import (
    LOOK_BACK,
    day_of,
    due_keys,
    is_worth_a_notice,
    threshold_of,
)
from echopoint.notices.models import (
    ExpiryNotice,
    NoticeDelivery,
    NoticeDigest,
    NoticeRecipient,
    NoticeWebhook,
)
from echopoint.notices.webhook_event import event
from echopoint.organizations.models import Organization, User

logger = logging.getLogger(__name__)

BATCH = 500


def notify(at=None):
    """Return the counts of new notices, queued digests, their keys, and failures."""
    at = at or timezone.now()
    counts = {"notices": 0, "digests": 0, "keys_in_digests": 0, "failures": 0}
    for organization in Organization.objects.order_by("pk"):
        counts["notices"] += record_notices(organization, at)
    for user_id in NoticeRecipient.objects.waiting_users():
        try:
            keys = send_digest(user_id, at)
        except Exception:  # noqa: BLE001, one person's failure must not keep others uninformed
            logger.exception("The digest of %s failed.", user_id)
            counts["failures"] += 1
            continue
        counts["digests"] += bool(keys)
        counts["keys_in_digests"] += keys
    return counts


def record_notices(organization, at):
    """Record what is due in the organization; return how many notices are new."""
    channels, new = None, 0
    for key in in_batches(due_keys(organization, at)):
        channels = channels or Channels.of(organization)
        users = channels.audience.of_key(key) if channels.has_mail else ()
        # Record nothing without a recipient: one who is added tomorrow still gets the notice.
        has_recipient = users or channels.has_webhook
        if has_recipient and is_worth_a_notice(key, at):
            new += record_notice(key, users, channels.has_webhook, at)
    return new


class Channels(NamedTuple):
    """The ways in which notices of an organization go out."""

    audience: Audience
    has_mail: bool
    has_webhook: bool

    @classmethod
    def of(cls, organization):
        webhook = NoticeWebhook.objects.of(organization)
        is_enabled = bool(webhook) and webhook.is_enabled
        return cls(Audience.of(organization), bool(settings.EMAIL_URL), is_enabled)


@transaction.atomic
def record_notice(key, users, has_webhook, at):
    """Record the notice and queue its event; return whether it is new."""
    notice = ExpiryNotice.objects.record(key, threshold_of(key, at), users, at=at)
    if notice and has_webhook:
        NoticeDelivery.objects.enqueue(key.organization, *event(key, at), at=at)
    return notice is not None


def in_batches(keys):
    """Yield the keys, read in batches, because there may be a million."""
    rows = keys.select_related("organization").order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def send_digest(user_id, at):
    """Queue the person's digest; return the number of keys in it."""
    user = User.objects.get(pk=user_id)
    compose = partial(compose_digest, user, at)
    return NoticeDigest.objects.send(user, day=day_of(at), compose=compose)


def compose_digest(user, at, rows):
    """Return (message, number of keys) for the rows that still hold, or (None, 0)."""
    memberships = user.memberships.select_related("organization")
    memberships = {m.organization_id: m for m in memberships}
    audiences = {id: Audience.of(m.organization) for id, m in memberships.items()}
    keys = {row.notice.key_id: row.notice.key for row in rows if still_holds(row, at)}
    keys = [
        key
        for key in keys.values()
        if key.organization_id in audiences
        and user.pk in audiences[key.organization_id].of_key(key)
        and is_worth_a_notice(key, at)
    ]
    message = digest(user, memberships, keys, at) if keys else None
    return message, len(keys)


def still_holds(row, at):
    """Whether the key still ends when the notice says, and not long ago."""
    ends_at = row.notice.key.ends_at
    return ends_at == row.notice.ends_at and ends_at >= at - LOOK_BACK
