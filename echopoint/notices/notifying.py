"""Record the notices of a day, then queue a digest for each person and contact.

Both steps may run in several processes at the same time and be interrupted at any point.
The next run continues.
"""

import logging
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apikeys.models import ContactAddress
from echopoint.notices.audience import Audience
from echopoint.notices.contact_digest import contact_digest
from echopoint.notices.digest_mail import digest
from echopoint.notices.due_keys import (
    LOOK_BACK,
    day_of,
    due_keys,
    is_worth_a_notice,
    threshold_of,
)
from echopoint.notices.models import (
    ContactDigest,
    ContactNotice,
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
    for recipients, send in (
        (NoticeRecipient, send_digest),
        (ContactNotice, send_contact_digest),
    ):
        for recipient in recipients.objects.waiting():
            queue_digest(send, recipient, at, counts)
    return counts


def queue_digest(send, recipient, at, counts):
    """Queue one digest, and count it or its failure."""
    try:
        keys = send(recipient, at)
    except Exception:  # noqa: BLE001, one failure must not stop the other digests
        # A contact is known by its address alone, which a log does not need.
        name = "a contact" if "@" in recipient else recipient
        logger.exception("The digest of %s failed.", name)
        counts["failures"] += 1
        return
    counts["digests"] += bool(keys)
    counts["keys_in_digests"] += keys


def record_notices(organization, at):
    """Record what is due in the organization; return how many notices are new."""
    channels, new = None, 0
    for key in in_batches(due_keys(organization, at)):
        channels = channels or Channels.of(organization)
        recipients = channels.recipients(key)
        # Record nothing without a recipient: one who is added tomorrow still gets the notice.
        has_recipient = any(recipients) or channels.has_webhook
        if has_recipient and is_worth_a_notice(key, at):
            new += record_notice(key, recipients, channels.has_webhook, at)
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

    def recipients(self, key):
        """Return the user ids that get mail about the key, and its contact or ""."""
        if not self.has_mail:
            return (), ""
        contact = key.contact_email if key.gets_contact_mail else ""
        return self.audience.of_key(key), contact


@transaction.atomic
def record_notice(key, recipients, has_webhook, at):
    """Record the notice and queue its event; return whether it is new."""
    users, contact = recipients
    notice = ExpiryNotice.objects.record(
        key, threshold_of(key, at), users, contact=contact, at=at
    )
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


def send_contact_digest(address, at):
    """Queue the contact's digest; return the number of keys in it."""
    compose = partial(compose_contact_digest, address, at)
    return ContactDigest.objects.send(address, day=day_of(at), compose=compose)


def compose_contact_digest(address, at, rows):
    """Return (message, number of keys) for the rows that still apply, or (None, 0)."""
    if not ContactAddress.objects.wants_mail(address):
        return None, 0
    keys = {row.notice.key_id: row.notice.key for row in rows if still_holds(row, at)}
    keys = [
        key
        for key in keys.values()
        if key.contact_email == address and is_worth_a_notice(key, at)
    ]
    message = contact_digest(address, keys, at) if keys else None
    return message, len(keys)


def still_holds(row, at):
    """Whether the key still ends when the notice says, and not long ago."""
    ends_at = row.notice.key.ends_at
    return ends_at == row.notice.ends_at and ends_at >= at - LOOK_BACK
