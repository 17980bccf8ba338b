"""E-mails about access reviews: one when a review opens, and one before its period ends.

They go to the owners and admins who have not turned e-mails off. The review stores when
each was queued, in the same transaction, so no process queues it twice.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from apikeys import timestamps
from apikeys.audit.wording import count_in_words
from apikeys.models import AccessReview
from echopoint.core.client_metadata import one_line
from echopoint.core.locks import for_change
from echopoint.notices import member_mail
from echopoint.notices.audience import Audience
from echopoint.organizations.models import User

logger = logging.getLogger(__name__)

REMINDED_BEFORE = timedelta(days=3)
REASON = "You get this because you are an owner or admin of the organization."


def send_due(at):
    """Queue the e-mails that are due; return how many, and how many reviews failed."""
    queued = failures = 0
    if not settings.EMAIL_URL:
        return queued, failures
    reviews = AccessReview.objects.filter(closed_at=None, ends_at__gt=at)
    for pk in reviews.order_by("pk").values_list("pk", flat=True):
        try:
            queued += send(pk, at)
        except Exception:  # noqa: BLE001, one failure must not stop the others
            logger.exception("The e-mails of access review %s failed.", pk)
            failures += 1
    return queued, failures


@transaction.atomic
def send(pk, at):
    """Queue the e-mails of one review that are due; return how many."""
    review = for_change(AccessReview.objects.select_related("organization")).get(pk=pk)
    due = due_mail(review, at)
    if not due:
        return 0
    setattr(review, due, at)
    review.save(update_fields=[due])
    pending = review.rows().still_to_confirm(at).count()
    if not pending:
        return 0
    users = User.objects.filter(pk__in=Audience.of(review.organization).managers)
    messages = [message(user, review, pending, due) for user in users.order_by("pk")]
    for one in messages:
        one.send()
    return len(messages)


def due_mail(review, at):
    """Return the column of the e-mail that is due, or None.

    A review with so short a period that both are due at once is announced only.
    """
    if review.closed_at or at >= review.ends_at:
        return None
    if not review.announced_at:
        return "announced_at"
    remind_at = review.ends_at - REMINDED_BEFORE
    if not review.reminded_at and review.announced_at < remind_at <= at:
        return "reminded_at"
    return None


def message(user, review, pending, due):
    name = one_line(review.organization.name)
    end = timestamps.in_words(review.ends_at)
    subject = (
        f"Echopoint: review the API keys of {name}"
        if due == "announced_at"
        else f"Echopoint: the review of the API keys of {name} ends soon"
    )
    then = (
        "Keys that are not confirmed by then are suspended."
        if review.suspends
        else "Keys that are not confirmed by then are reported and keep working."
    )
    many = f"{count_in_words(pending, 'key')} {'is' if pending == 1 else 'are'}"
    parts = [
        f"{many} not confirmed yet in access review {review.number} of {name}.",
        "Confirm each key that is still needed, and revoke or rotate the others, until"
        f" {end}. {then}",
        settings.SITE_URL + review.get_absolute_url(),
    ]
    return member_mail.message(user, subject, parts, REASON)
