"""Record the notices of a day, then queue a digest for each person.

Both steps may run in several processes at the same time and be interrupted at any point.
The next run continues.
"""

import logging
from functools import partial

from django.conf import settings
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
from echopoint.notices.models import ExpiryNotice, NoticeDigest, NoticeRecipient
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
    audience, new = None, 0
    for key in in_batches(due_keys(organization, at)):
        audience = audience or Audience.of(organization)
        # Without a recipient there is no notice: should there be one tomorrow, they are told.
        users = audience.of_key(key) if settings.EMAIL_URL else ()
        if users and is_worth_a_notice(key, at):
            threshold = threshold_of(key, at)
            new += bool(ExpiryNotice.objects.record(key, threshold, users, at=at))
    return new


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
