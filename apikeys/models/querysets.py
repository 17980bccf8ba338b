"""Keys as lists show them: by status, by what is due, by what is unused."""

from datetime import timedelta

from django.db import transaction
from django.db.models import (
    BooleanField,
    Exists,
    F,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    Subquery,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Concat
from django.db.models.lookups import GreaterThan, LessThanOrEqual
from django.utils import timezone

from apikeys.audit.events import NO_CHANGES
from apikeys.audit.hash_chain import whole_milliseconds
from apikeys.models.audit import AuditEvent
from apikeys.models.refusal import Refusal
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization, OrgOwnedQuerySet, User

COUNTED = 100  # the summary counts no further, so that it costs the same for any number
RECENTLY = timedelta(days=7)
ENDS_AT = Coalesce("retire_at", "expires_at")
IDLE_SINCE = Coalesce("last_used_at", "created_at")
ALL = 2**31 - 1
# Jumps from one creator to the next along `api_key_creator`. A DISTINCT, or a join with
# the users, may read all keys of the organization, which can be a million.
CREATOR_IDS = """
WITH RECURSIVE creator (id) AS (
    SELECT MIN(created_by_id) FROM apikeys_apikey WHERE organization_id = %s
    UNION ALL
    SELECT (
        SELECT MIN(created_by_id) FROM apikeys_apikey
        WHERE organization_id = %s AND created_by_id > creator.id
    )
    FROM creator WHERE creator.id IS NOT NULL
)
SELECT id FROM creator WHERE id IS NOT NULL LIMIT %s
"""


class Holds(Func):
    """Whether a JSON list of texts has all of those in another."""

    output_field = BooleanField()
    template = "%(expressions)s"
    arg_joiner = " <@ "

    def __init__(self, column, names):
        super().__init__(Value(names, JSONField()), column)

    def as_sqlite(self, compiler, connection, **context):
        """Look at each name; SQLite has no index that could find them."""
        return super().as_sql(
            compiler,
            connection,
            template="NOT EXISTS (SELECT value FROM json_each(%(expressions)s))",
            arg_joiner=") EXCEPT SELECT value FROM json_each(",
            **context,
        )


class CountUpTo(Subquery):
    """How many rows a queryset has that is cut off at some number."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def has_status(at):
    """Return the condition of each status at this moment, as `ApiKey.status` derives it."""
    kept = Q(revoked_at=None, suspended_at=None)
    # Said of the end as well, so that the order by it begins at the right place.
    ended, goes_on = LessThanOrEqual(ENDS_AT, at), GreaterThan(ENDS_AT, at)
    unexpired = Q(expires_at=None) | Q(goes_on)
    return {
        "active": kept & Q(retire_at=None) & unexpired,
        "retiring": kept & Q(goes_on, retire_at__gt=at),
        "expired": kept & Q(ended, retire_at=None, expires_at__lte=at),
        "retired": kept & Q(ended, retire_at__lte=at),
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
            revoked_at=None,
            retire_at=None,
            ends__gt=at,
            ends__lte=at + timedelta(days=days),
        )

    def unused_for(self, days, at=None):
        """Only keys without a use for so long; those never used count from their making."""
        since = (at or timezone.now()) - timedelta(days=days)
        idle = self.alias(idle_since=IDLE_SINCE)
        return idle.filter(revoked_at=None, idle_since__lte=since)

    def still_in_use(self, at=None):
        """Only keys that were refused of late because they had retired."""
        since = (at or timezone.now()) - RECENTLY
        refused = Refusal.objects.filter(
            key=OuterRef("pk"), reason="API_KEY_RETIRED", minute__gte=since
        )
        return self.filter(Exists(refused))

    def issued_or_changed_since(self, at):
        """Only keys that were issued at this moment or later, or changed, by the audit."""
        changes = AuditEvent.objects.exclude(action__in=NO_CHANGES).filter(
            organization=OuterRef("organization"),
            target_id=Concat(Value("key_"), OuterRef("public_id")),
            at__gte=whole_milliseconds(at),  # as events have it
        )
        return self.filter(Q(created_at__gte=at) | Exists(changes))

    def with_scope(self, name):
        """Only keys that hold the scope."""
        return self.filter(Holds("scopes", [name]))

    def with_creator_state(self, organization):
        """The keys, with whether the person who made each is a member still."""
        members = organization.memberships.filter(user=OuterRef("created_by"))
        return self.annotate(creator_is_member=Exists(members))

    def creators(self, organization, first=None):
        """Return the users who created keys of the organization, at most `first`."""
        values = [organization.pk, organization.pk, first or ALL]
        ids = RawSQL(CREATOR_IDS, values)  # noqa: S611, the text is ours
        return User.objects.filter(pk__in=ids)

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
        rows = for_change(self.select_related("organization"))
        keys = list(rows.order_by("pk"))
        at = timezone.now()
        return [key for key in keys if key.revoke(by=by, reason=reason, at=at)]

    revoke.alters_data = True
