"""Keys as lists show them: by status, by what is due, by what is unused."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, IntegerField, OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from apikeys.models.refusal import Refusal
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

COUNTED = 100  # the summary counts no further, so that it costs the same for any number
RECENTLY = timedelta(days=7)
ENDS_AT = Coalesce("retire_at", "expires_at")
IDLE_SINCE = Coalesce("last_used_at", "created_at")


class CountUpTo(Subquery):
    """How many rows a queryset has that is cut off at some number."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def has_status(at):
    """Return the condition of each status at this moment, as `ApiKey.status` derives it."""
    kept = Q(revoked_at=None, suspended_at=None)
    unexpired = Q(expires_at=None) | Q(expires_at__gt=at)
    return {
        "active": kept & Q(retire_at=None) & unexpired,
        "retiring": kept & Q(retire_at__gt=at),
        "expired": kept & Q(retire_at=None, expires_at__lte=at),
        "retired": kept & Q(retire_at__lte=at),
        "suspended": Q(revoked_at=None, suspended_at__isnull=False),
        "revoked": Q(revoked_at__isnull=False),
    }


class ListedKeys(OrgOwnedQuerySet):
    """Keys by what a person looks for."""

    def in_status(self, *statuses, at=None):
        """Only keys in one of these statuses at this moment."""
        conditions = has_status(at or timezone.now())
        wanted = Q()
        for status in statuses:
            wanted |= conditions[status]
        return self.filter(wanted)

    def expiring_within(self, days, at=None):
        """Only keys whose expiry is near; the end of an overlap is planned, and not one."""
        at = at or timezone.now()
        # `ENDS_AT` is what the index holds; without `retire_at` it is the expiry.
        return self.alias(ends=ENDS_AT).filter(
            retire_at=None, ends__gt=at, ends__lte=at + timedelta(days=days)
        )

    def unused_for(self, days, at=None):
        """Only keys without a use for so long; those never used count from their making."""
        since = (at or timezone.now()) - timedelta(days=days)
        return self.alias(idle_since=IDLE_SINCE).filter(idle_since__lte=since)

    def still_in_use(self, at=None):
        """Only keys that were refused of late because they had retired."""
        since = (at or timezone.now()) - RECENTLY
        refused = Refusal.objects.filter(
            key=OuterRef("pk"), reason="API_KEY_RETIRED", minute__gte=since
        )
        return self.filter(Exists(refused))

    def with_scope(self, name):
        """Only keys that hold the scope."""
        # SQLite has no lookup into a JSON list; as text, a name is in quotes.
        listed = Cast("scopes", TextField())
        return self.alias(listed=listed).filter(listed__contains=f'"{name}"')

    def with_creator_state(self, organization):
        """The keys, with whether the person who made each is a member still."""
        members = organization.memberships.filter(user=OuterRef("created_by"))
        return self.annotate(creator_is_member=Exists(members))

    def outside(self, maximum, allow_non_expiring):
        """Only keys that a policy with these limits would not issue."""
        too_long = Q(expires_at__gt=F("created_at") + timedelta(days=maximum))
        endless = Q() if allow_non_expiring else Q(expires_at=None)
        return self.filter(too_long | endless)

    def needing_attention(self, organization, at=None):
        """Return the counts of what a person should act on, by kind; one query."""
        at = at or timezone.now()
        keys = self.for_org(organization).filter(revoked_at=None)
        kinds = {
            "expiring": keys.in_status("active", at=at).expiring_within(7, at),
            # In the order of its index, or PostgreSQL, which keeps no statistics of a
            # partial index, would rather read the whole table.
            "unused": keys.in_status("active", "retiring", at=at)
            .unused_for(90, at)
            .order_by(IDLE_SINCE),
            "retired": keys.in_status("retired", at=at).still_in_use(at),
        }
        counts = {
            kind: CountUpTo(rows.values("pk")[:COUNTED]) for kind, rows in kinds.items()
        }
        # One row, so that the counts are one query.
        rows = Organization.objects.filter(pk=organization.pk)
        return rows.annotate(**counts).values(*counts).get()

    @transaction.atomic
    def revoke(self, *, by, reason=""):
        """Stop each key for good, all or none; return those that this call stopped."""
        # All rows before the audit's chain, which each event locks: the order in which
        # every other verb takes them, so that two never wait for each other.
        rows = self.select_related("organization").select_for_update(of=("self",))
        keys = list(rows.order_by("pk"))
        at = timezone.now()
        return [key for key in keys if key.revoke(by=by, reason=reason, at=at)]

    revoke.alters_data = True
