"""Queries of lists of keys: status, expiry, use, creators."""

from datetime import timedelta

from django.db import connections, transaction
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
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models.audit import AuditEvent
from apikeys.models.key_warning import KeyWarning
from apikeys.models.ownership import HandOver, member_with_email
from apikeys.models.refusal import Refusal
from apikeys.models.scope_use import ScopeRecording, unused_since
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization, OrgOwnedQuerySet, User

COUNTED = 100  # the summary stops counting here, so that its cost is bounded
RECENTLY = timedelta(days=7)
ENDS_AT = Coalesce("retire_at", "expires_at")
IDLE_SINCE = Coalesce("last_used_at", "created_at")
# The last use of the longest unused scope. An index can sort by this time, but not by the
# number of unused scopes, which changes as time passes.
SCOPE_IDLE_SINCE = Coalesce("scopes_used_since", "created_at")
# The label of a person contains an @, even after their account was deleted.
LABEL_OF_PERSON = Q(created_by_label__contains="@")
UNLIMITED = 2**31 - 1
UNDESCRIBED = Q(description="")
UNOWNED = Q(owner=None, contact_email="")  # neither an owner nor a contact
WORKING = ("active", "retiring")  # own statuses, which a freeze suspends
# Keys that one request revokes: each takes a few milliseconds, and locks the audit's chain.
MAX_REVOKED = 200
# A loose index scan: it jumps from one value to the next in the index that begins with the
# organization and the column. PostgreSQL does not plan one by itself, so a DISTINCT or a join
# with the users may read all keys of the organization, which can be a million.
DISTINCT = """
WITH RECURSIVE found (value) AS (
    SELECT MIN({column}) FROM apikeys_apikey WHERE organization_id = %s{condition}
    UNION ALL
    SELECT (
        SELECT MIN({column}) FROM apikeys_apikey
        WHERE organization_id = %s AND {column} > found.value{condition}
    )
    FROM found WHERE found.value IS NOT NULL
)
SELECT value FROM found WHERE value IS NOT NULL LIMIT %s
"""
PEOPLE = {
    field: DISTINCT.format(column=f"{field}_id", condition="")
    for field in ("created_by", "owner")
}
CONTACTS = DISTINCT.format(
    column="contact_email",
    condition=" AND contact_email <> '' AND revoked_at IS NULL",
)
HANDED_OVER = 1000  # keys in a batch


class Holds(Func):
    """Whether a JSON list of strings contains all of another."""

    output_field = BooleanField()
    template = "%(expressions)s"
    arg_joiner = " <@ "

    def __init__(self, column, names):
        super().__init__(Value(names, JSONField()), column)

    def as_sqlite(self, compiler, connection, **context):
        """Compare each name: SQLite has no operator, and no index, for lists."""
        return super().as_sql(
            compiler,
            connection,
            template="NOT EXISTS (SELECT value FROM json_each(%(expressions)s))",
            arg_joiner=") EXCEPT SELECT value FROM json_each(",
            **context,
        )


class CountUpTo(Subquery):
    """The number of rows of a sliced queryset."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def unexpired(at):
    """Return the condition that a key has not reached its expiry."""
    return Q(expires_at=None) | Q(expires_at__gt=at)


def has_not_ended(at):
    """Return the condition that a key is not revoked, expired or retired."""
    not_retired = Q(retire_at=None) | Q(retire_at__gt=at)
    return unexpired(at) & not_retired & Q(revoked_at=None)


def has_status(at):
    """Return the condition of each own status at this moment.

    They must match `ApiKey.own_status`, or a list would show a key under another status.
    """
    live = Q(revoked_at=None, suspended_at=None)
    # Repeat the condition on the sort expression, so that the index scan can start at the
    # right row.
    ended, not_ended = LessThanOrEqual(ENDS_AT, at), GreaterThan(ENDS_AT, at)
    has_time_left = Q(expires_at=None) | Q(not_ended)
    return {
        "active": live & Q(retire_at=None) & has_time_left,
        "retiring": live & Q(not_ended, retire_at__gt=at),
        "expired": live & Q(ended, retire_at=None, expires_at__lte=at),
        "retired": live & Q(ended, retire_at__lte=at),
        "suspended": Q(revoked_at=None, suspended_at__isnull=False),
        "revoked": Q(revoked_at__isnull=False),
    }


def is_between(column, after, until):
    """Return the condition `after < column <= until`; None is no bound."""
    condition = Q(**{f"{column}__isnull": False})
    if after is not None:
        condition &= Q(**{f"{column}__gt": after})
    if until is not None:
        condition &= Q(**{f"{column}__lte": until})
    return condition


def was_refused_as_retired(at):
    """Return the condition that a key was refused recently because it had retired."""
    refused = Refusal.objects.filter(
        key=OuterRef("pk"), reason="API_KEY_RETIRED", minute__gte=at - RECENTLY
    )
    return Exists(refused)


class ListedKeys(OrgOwnedQuerySet):
    """Filters of lists of keys."""

    is_frozen = False
    are_revoked = None  # whether all or none of the keys are, if known

    def for_org(self, organization):
        """Only this organization's keys, with the organization: their status depends on it."""
        keys = super().for_org(organization).select_related("organization")
        keys.is_frozen = organization.frozen_at is not None
        return keys

    def _clone(self):
        clone = super()._clone()
        clone.is_frozen, clone.are_revoked = self.is_frozen, self.are_revoked
        return clone

    def only_revoked(self, are_revoked):
        """Only the revoked keys, or only the others. Most indexes hold one of these halves."""
        keys = self.filter(revoked_at__isnull=not are_revoked)
        keys.are_revoked = are_revoked
        return keys

    def own_statuses(self, statuses):
        """Return the own statuses of the keys that are in these statuses now.

        A freeze suspends active and retiring keys. `has_status` leaves it out, so that its
        conditions are on one table and have an index each.
        """
        if not self.is_frozen:
            return list(statuses)
        others = [status for status in statuses if status not in WORKING]
        return [*others, *WORKING] if "suspended" in others else others

    def in_status(self, *statuses, at=None):
        """Only keys in one of these statuses at this moment."""
        statuses = self.own_statuses(statuses)
        if not statuses:
            return self.none()
        conditions = has_status(at or timezone.now())
        in_any = Q()
        for status in statuses:
            in_any |= conditions[status]
        return self.filter(in_any)

    def expiring_within(self, days, at=None):
        """Only keys that expire soon; the end of an overlap is planned, so not counted."""
        at = at or timezone.now()
        return self.expiring_between(at, at + timedelta(days=days))

    def expiring_between(self, after=None, until=None):
        """Only keys that expire after one time and not after the other; None is no bound.

        The end of an overlap is planned, so keys that are being rotated are left out.
        """
        # Repeat the condition on the sort expression, as `has_status` does.
        keys = self.in_expiry_index(after, until).alias(ends=ENDS_AT)
        return keys.filter(is_between("ends", after, until))

    def in_expiry_index(self, after=None, until=None):
        """Return the same keys by their column alone: its index has no other keys."""
        is_due = is_between("expires_at", after, until)
        return self.filter(is_due, revoked_at=None, retire_at=None)

    def never_expiring(self):
        """Only keys without an expiry that are not being rotated."""
        return self.filter(revoked_at=None, retire_at=None, expires_at=None)

    def of_age(self, least, below=None, at=None):
        """Only keys that were issued at least so many days ago, and less than `below`."""
        at = at or timezone.now()
        keys = self.filter(created_at__lte=at - timedelta(days=least))
        if below is None:
            return keys
        return keys.filter(created_at__gt=at - timedelta(days=below))

    def unused_for(self, days, at=None):
        """Only keys without a use for so many days, or unused since they were issued."""
        since = (at or timezone.now()) - timedelta(days=days)
        idle = self.alias(idle_since=IDLE_SINCE)
        return idle.filter(revoked_at=None, idle_since__lte=since)

    def with_unused_scopes(self, days, at=None):
        """Only keys with a scope that was not used for this many days.

        No keys before uses have been recorded for that many days.
        """
        since = unused_since(at, days)
        if ScopeRecording.objects.using(self.db).began_at() > since:
            return self.none()
        idle = self.alias(scope_idle_since=SCOPE_IDLE_SINCE)
        return idle.filter(revoked_at=None, scope_idle_since__lte=since)

    def warned_of(self, kind, at=None):
        """Only keys with a `KeyWarning` of this kind in the last days."""
        warnings = KeyWarning.objects.recent(kind, at)
        own = warnings.filter(organization=OuterRef("organization"), key=OuterRef("pk"))
        return self.filter(Exists(own))

    def leaked(self):
        """Only keys that were reported as leaked and are not revoked."""
        return self.filter(revoked_at=None, leak_reported_at__isnull=False)

    def still_in_use(self, at=None):
        """Only keys that were refused recently because they had retired."""
        return self.filter(was_refused_as_retired(at or timezone.now()))

    def issued_or_changed_since(self, at):
        """Only keys that were issued at or after this moment, or changed according to the audit."""
        changes = AuditEvent.objects.exclude(action__in=NO_CHANGES).filter(
            organization=OuterRef("organization"),
            target_id=Concat(Value("key_"), OuterRef("public_id")),
            at__gte=whole_milliseconds(at),  # the precision of events
        )
        return self.filter(Q(created_at__gte=at) | Exists(changes))

    def not_ended(self, at=None):
        """Only keys that are not revoked, expired or retired, including suspended keys."""
        return self.filter(has_not_ended(at or timezone.now()))

    def ending_within(self, days, at=None):
        """Only keys that end soon, by their expiry or by the end of an overlap."""
        at = at or timezone.now()
        return self.alias(ends=ENDS_AT).filter(
            revoked_at=None, ends__gt=at, ends__lte=at + timedelta(days=days)
        )

    def with_scope(self, name):
        """Only keys with the scope."""
        return self.filter(self.holds_scope(name))

    @staticmethod
    def holds_scope(name):
        """Return the condition that a key has the scope."""
        return Holds("scopes", [name])

    def with_people(self, organization):
        """Annotate the roles of each key's creator and owner, and the owner's address.

        The role of a person who is no longer a member is None.
        """
        members = organization.memberships
        return self.annotate(
            creator_role=Subquery(
                members.filter(user=OuterRef("created_by")).values("role")[:1]
            ),
            owner_role=Subquery(
                members.filter(user=OuterRef("owner")).values("role")[:1]
            ),
            owner_label=Subquery(
                User.objects.filter(pk=OuterRef("owner")).values("email")[:1]
            ),
        )

    def people(self, organization, field, first=None):
        """Return the users who are in this field of the organization's keys.

        `field` is "created_by" or "owner"; at most `first`.
        """
        values = [organization.pk, organization.pk, first or UNLIMITED]
        ids = RawSQL(PEOPLE[field], values)  # noqa: S611, the text is ours
        return User.objects.using(self.db).filter(pk__in=ids)

    def contacts(self, organization, first):
        """Return the set of contacts of the unrevoked keys, at most `first`."""
        values = [organization.pk, organization.pk, first]
        with connections[self.db].cursor() as cursor:
            cursor.execute(CONTACTS, values)
            return {contact for (contact,) in cursor.fetchall()}

    def of_family(self, key):
        """Only keys of the same organization and lineage of rotations as this one."""
        return self.for_org(key.organization).filter(family_id=key.family_id)

    def of_same_creator(self, key):
        """Only keys of the organization that the person who created this one created.

        No keys if a command created it. A deleted account is known by its label only.
        """
        keys = self.for_org(key.organization)
        if key.created_by_id:
            return keys.filter(created_by=key.created_by_id)
        label = key.created_by_label
        return keys.filter(LABEL_OF_PERSON, created_by=None, created_by_label=label)

    def without_new_owner(self):
        """Only keys without an owner, or with their creator as the owner."""
        return self.filter(Q(owner=None) | Q(owner=F("created_by")))

    def outside(self, maximum, allow_non_expiring):
        """Return the keys whose lifetime a policy with these limits would refuse."""
        too_long = Q(expires_at__gt=F("created_at") + timedelta(days=maximum))
        endless = Q() if allow_non_expiring else Q(expires_at=None)
        return self.filter(too_long | endless)

    def counted(self, at=None):
        """Only keys that count towards the maximum of the policy: not revoked or expired.

        A key that is being rotated is left out while its successor is neither revoked nor
        expired: that one counts, so a rotation changes no count. Retired keys do not count.
        """
        at = at or timezone.now()
        successors = self.model.objects.filter(
            unexpired(at), rotated_from=OuterRef("pk"), revoked_at=None
        )
        return self.not_ended(at).filter(Q(retire_at=None) | ~Exists(successors))

    def has_as_many_as(self, number):
        """Whether there are at least this many keys; stops counting there."""
        return self.order_by()[:number].count() >= number

    def needing_attention(self, organization, at=None):
        """Return the number of keys that need action, by kind; one query."""
        at = at or timezone.now()
        keys = self.for_org(organization).filter(revoked_at=None)
        kinds = {
            "expiring": keys.in_status("active", at=at).expiring_within(7, at),
            "expiring_later": keys.in_status("active", at=at).expiring_within(30, at),
            # Sorted like its index. PostgreSQL has no statistics of this expression for
            # one organization; unsorted, it may read the whole table.
            "unused": keys.in_status("active", "retiring", at=at)
            .unused_for(90, at)
            .order_by(IDLE_SINCE),
            "retired": keys.in_status("retired", at=at).still_in_use(at),
        }
        counts = {
            kind: CountUpTo(rows.values("pk")[:COUNTED]) for kind, rows in kinds.items()
        }
        # Subqueries of a single row, so that all counts are one query.
        rows = Organization.objects.using(self.db).filter(pk=organization.pk)
        return rows.annotate(**counts).values(*counts).get()

    @transaction.atomic
    def reassign(self, organization, before, after):
        """Make the user `after`, or None, the owner of all keys that `before` owns.

        Return the `HandOver`. The caller records it, because the audit chains are locked
        after all keys. The caller has locked both memberships.
        """
        rows = for_change(self.for_org(organization).filter(owner=before))
        count, keys = 0, []
        # Repeat until no key is left: a concurrent rotation may insert a successor while
        # this waits for the lock of its predecessor.
        while batch := list(rows.order_by("pk")[:HANDED_OVER]):
            found = self.for_org(organization).filter(pk__in=[k.pk for k in batch])
            found.update(owner=after)
            live = [key for key in batch if not key.revoked_at]
            count += len(live)
            keys = keys + live if count <= MAX_REVOKED else []
        return HandOver(organization, before, after, count, keys)

    reassign.alters_data = True

    @transaction.atomic
    def give_to(self, organization, owner_email, *, by):
        """Set the owner of all these keys of the organization; return those that changed.

        Each is an event in the audit, so choose at most `MAX_REVOKED` in a request.
        """
        by.require_fresh()
        # Lock order: the membership, then keys by id, then the audit chain.
        owner = member_with_email(organization, owner_email)
        if not owner:
            # The policy may require one, and only a single key can be left without.
            raise InvalidKeyRequest("owner_email", "Choose a member.")
        rows = for_change(self.for_org(organization).select_related("owner"))
        keys = list(rows.order_by("pk"))
        for key in keys:
            key.require_unrevoked()
        return [key for key in keys if key._change_owner(owner, by=by)]

    give_to.alters_data = True

    @transaction.atomic
    def revoke(self, *, by, reason=""):
        """Revoke all keys or none; return the keys that this call revoked.

        Each is an event in the audit, so choose at most `MAX_REVOKED` in a request.
        """
        # Lock order, to avoid deadlocks: keys by id, then the audit chain, which each
        # event locks. All other verbs lock in this order too.
        rows = for_change(self.select_related("organization"))
        keys = list(rows.order_by("pk"))
        at = timezone.now()
        return [key for key in keys if key.revoke(by=by, reason=reason, at=at)]

    revoke.alters_data = True
