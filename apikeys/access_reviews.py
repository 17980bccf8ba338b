"""Open the access reviews that policies require, and close those whose period has ended."""

import logging

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apikeys.models import AccessReview
from echopoint.organizations.models import Organization

logger = logging.getLogger(__name__)


def run(*, by, at=None):
    """Return the counts of opened and closed reviews, suspended keys, and failures.

    May run in several processes at the same time and be interrupted at any point. The next
    run continues.
    """
    at = at or timezone.now()
    counts = {"opened": 0, "closed": 0, "suspended_keys": 0, "failures": 0}
    for organization in concerned():
        try:
            run_one(organization, by, at, counts)
        except Exception:  # noqa: BLE001, one failure must not stop the others
            logger.exception("The access review of %s failed.", organization.pk)
            counts["failures"] += 1
    return counts


def concerned():
    """Return the organizations with a policy for reviews, or a review that is not finished."""
    unfinished = AccessReview.objects.unfinished().filter(organization=OuterRef("pk"))
    rows = Organization.objects.filter(
        Q(review_every_days__isnull=False) | Exists(unfinished)
    )
    return rows.order_by("pk")


def run_one(organization, by, at, counts):
    for review in AccessReview.objects.for_org(organization).unfinished():
        counts["closed"] += review.end_period(by=by, at=at)
        counts["suspended_keys"] += review.settle(by=by, at=at)
    if AccessReview.objects.open(organization, by=by, at=at, if_due=True):
        counts["opened"] += 1
