"""Which keys need a notice.

Days are calendar days in UTC. So the first run of a day finds everything for that day, and
people get one digest, however often the command runs.
"""

from datetime import UTC, datetime, time, timedelta

from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce

from apikeys import policy
from apikeys.models import ApiKey
from apikeys.models.querysets import ENDS_AT
from apikeys.models.verdict import Verdict
from echopoint.notices.models.expiry_notice import ExpiryNotice

LOOK_BACK = timedelta(days=7)  # keys that ended before get no notice
DAY = timedelta(days=1)
SUCCESSORS = ApiKey.objects.filter(rotated_from=OuterRef("pk")).order_by("-created_at")
# When the time until the end began: a rotation sets another end.
BEGUN_AT = Case(
    When(retire_at=None, then=F("created_at")),
    default=Coalesce(Subquery(SUCCESSORS.values("created_at")[:1]), F("created_at")),
)
# Retired on purpose before the end of the overlap.
RETIRED_BY_HAND = Q(retire_at__lt=F("overlap_ends_at"))


def day_of(at):
    return at.astimezone(UTC).date()


def day_start(at):
    return datetime.combine(day_of(at), time(), UTC)


def days_left(key, at):
    """Return the days from today to the day of the key's end; negative if it has passed."""
    return (day_of(key.ends_at) - day_of(at)).days


def windows(organization, at):
    """Yield (threshold, since, until): keys that end in this time have reached the threshold.

    Only the most urgent one: a key may have passed several since the last run.
    """
    today = day_start(at)
    since = today - LOOK_BACK
    for threshold in sorted(policy.notice_days(organization)):
        until = today + (threshold + 1) * DAY
        yield threshold, since, until
        since = until


def threshold_of(key, at):
    """Return the threshold that the key has reached, or None."""
    for threshold, since, until in windows(key.organization, at):
        if since <= key.ends_at < until:
            return threshold
    return None


def due_keys(organization, at):
    """Return the keys that have reached a threshold for which there is no notice yet.

    A threshold that had already passed when the key was issued or rotated is left out: the
    end was chosen then. A threshold that the policy added after a notice closer to
    the end is left out too: that notice named the date.
    """
    if organization.frozen_at:
        return ApiKey.objects.none()  # they are stopped, and cannot be rotated
    reached, until = Q(pk__in=[]), at
    for threshold, since, until in windows(organization, at):
        recorded = ExpiryNotice.objects.for_org(organization).filter(
            key=OuterRef("pk"), ends_at=OuterRef("ends"), threshold__lte=threshold
        )
        reached |= Q(
            ~Exists(recorded),
            ends__gte=since,
            ends__lt=until,
            ends__gt=F("begun") + threshold * DAY,
        )
    keys = ApiKey.objects.for_org(organization).alias(ends=ENDS_AT, begun=BEGUN_AT)
    # Once more for all thresholds, so that the index on the end is used.
    in_time = Q(ends__gte=day_start(at) - LOOK_BACK, ends__lt=until)
    live = Q(revoked_at=None, suspended_at=None)
    return keys.filter(live, in_time, reached).exclude(RETIRED_BY_HAND)


def is_worth_a_notice(key, at):
    """Whether the end of the key can still interrupt a client.

    False for a stopped key, and for a rotated one that is safe to retire.
    """
    is_stopped = key.revoked_at or key.suspended_at or key.is_frozen or key.is_blocked
    if is_stopped or key.ends_at is None:
        return False
    if key.retire_at is None:
        return True
    by_hand = key.overlap_ends_at and key.retire_at < key.overlap_ends_at
    return not by_hand and not Verdict.of(key.rotation_facts(), at).is_safe
