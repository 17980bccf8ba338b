"""The key: what it may do, until when, and who made it so."""

import logging
import uuid
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import Error, models, transaction
from django.db.models import Exists, F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.exceptions import (
    InvalidKeyRequest,
    KeyConflict,
    KeyRejected,
    OrganizationMismatch,
    ScopeDenied,
    TooManyRequests,
)
from apikeys.models.audit import AuditEvent, Immutable
from apikeys.models.late_use import LateUseManager
from apikeys.models.manager import ApiKeyManager, is_usable, require_text
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.querysets import ENDS_AT, IDLE_SINCE
from apikeys.models.refusal import Refusal
from apikeys.models.rotation import Rotation
from apikeys.models.usage import KeyUsage
from apikeys.scopes import PRESETS, canonical, missing
from echopoint.core import rate_limits
from echopoint.core.client_metadata import USER_AGENT_LENGTH, Client
from echopoint.core.fields import FoldedField
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization

NAME_KEY_LENGTH = 400  # a name has 100 characters, of which some fold to several
logger = logging.getLogger(__name__)

Action = AuditEvent.Action
# (key, retire_at) of retired keys whose use this process knows to be in the audit.
retired_uses_seen = set()
TOUCH_EVERY = timedelta(minutes=1)


def new_family():
    """Return the id of a new lineage of keys."""
    return uuid.uuid4()


class ApiKey(Rotation, models.Model):
    """A credential of an organization; it outlives the person who made it."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        RETIRING = "retiring", "Retiring"
        EXPIRED = "expired", "Expired"
        RETIRED = "retired", "Retired"
        SUSPENDED = "suspended", "Suspended"
        REVOKED = "revoked", "Revoked"

    public_id = models.CharField(
        max_length=tokens.PUBLIC_ID_LENGTH, unique=True, editable=False
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="api_keys",
        db_index=False,  # the indexes of the lists begin with it
    )
    name = models.CharField(max_length=100)
    name_key = FoldedField(of="name", max_length=NAME_KEY_LENGTH)
    # Names that were not one before they were folded go on side by side: the younger key
    # has its own id here, and so have its successors. All others have nothing.
    namesake = models.CharField(
        max_length=tokens.PUBLIC_ID_LENGTH, blank=True, editable=False
    )
    description = models.CharField(max_length=500, blank=True)
    scopes = models.JSONField()
    preset = models.CharField(
        max_length=40, blank=True, choices=[(p.name, p.label) for p in PRESETS.values()]
    )
    digest = models.CharField(max_length=64, editable=False)
    pepper_version = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        "organizations.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,  # of no use but to delete a user, which is rare
    )
    created_by_label = models.CharField(max_length=255)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_from = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="successors",
    )
    family_id = models.UUIDField(default=new_family, editable=False)
    retire_at = models.DateTimeField(null=True, blank=True)
    # None: the organization's.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # The end of the overlap that was chosen; `retire_at` is earlier after retire().
    overlap_ends_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by_label = models.CharField(max_length=255, blank=True)
    revoke_reason = models.CharField(max_length=255, blank=True)
    first_used_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)
    last_used_user_agent = models.CharField(max_length=USER_AGENT_LENGTH, blank=True)
    last_used_route = models.CharField(max_length=200, blank=True)

    objects = ApiKeyManager()
    late_uses = LateUseManager()

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=~Q(scopes=[]), name="api_key_scopes_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")),
                name="api_key_expires_after_created",
            ),
            models.CheckConstraint(
                condition=Q(retire_at=None)
                | Q(expires_at=None)
                | Q(retire_at__lte=F("expires_at")),
                name="api_key_retires_before_expiry",
            ),
            models.CheckConstraint(
                condition=Q(overlap_ends_at=None)
                | Q(retire_at__isnull=False, retire_at__lte=F("overlap_ends_at")),
                name="api_key_retires_within_overlap",
            ),
            models.CheckConstraint(
                condition=~Q(requests_per_minute=0),
                name="api_key_requests_per_minute_not_zero",
            ),
            models.UniqueConstraint(
                fields=["organization", "name_key", "namesake"],
                condition=Q(revoked_at=None, retire_at=None),
                name="api_key_name_unique",
            ),
            models.UniqueConstraint(
                fields=["rotated_from"],
                condition=Q(revoked_at=None),
                name="api_key_one_live_successor",
            ),
        ]
        indexes = [
            models.Index(fields=["family_id"], name="api_key_family"),
            # One for each order of the list, of the keys in use and of revoked ones.
            *(
                models.Index(
                    "organization", order, "id", condition=condition, name=name
                )
                for kind, condition in (
                    ("live", Q(revoked_at=None)),
                    ("revoked", Q(revoked_at__isnull=False)),
                )
                for name, order in (
                    (f"api_key_{kind}_created", "created_at"),
                    (f"api_key_{kind}_name", "name_key"),
                    (f"api_key_{kind}_ends", ENDS_AT),
                    (f"api_key_{kind}_used", "last_used_at"),
                )
            ),
            # One for each filter. Those by name and by scope are of PostgreSQL alone,
            # and made by a migration.
            models.Index(
                "organization",
                IDLE_SINCE,
                "id",
                condition=Q(revoked_at=None),
                name="api_key_live_idle",
            ),
            models.Index(
                fields=["organization", "expires_at", "id"],
                condition=Q(revoked_at=None, retire_at=None),
                name="api_key_expires",
            ),
            models.Index(
                fields=["organization", "retire_at"],
                condition=Q(revoked_at=None, retire_at__isnull=False),
                name="api_key_retired",
            ),
            models.Index(
                fields=["organization", "suspended_at"],
                condition=Q(revoked_at=None, suspended_at__isnull=False),
                name="api_key_suspended",
            ),
            models.Index(
                fields=["organization", "preset", "created_at", "id"],
                condition=~Q(preset=""),
                name="api_key_preset",
            ),
            models.Index(
                fields=["organization", "created_by", "created_at", "id"],
                name="api_key_creator",
            ),
        ]

    def __str__(self):
        return f"{self.name} ({self.display_id})"

    def get_absolute_url(self):
        return reverse("apikeys:detail", args=[self.organization_id, self.public_id])

    @property
    def rest_id(self):
        """Return the key's id in the REST API."""
        return f"key_{self.public_id}"

    @property
    def display_id(self):
        """Return how the key is recognized by people; opens nothing."""
        return f"{tokens.prefix()}_{self.public_id}_…"

    @property
    def permissions(self):
        """Return the scopes, under the name that roles have too."""
        return frozenset(self.scopes)

    @property
    def lapsed_scopes(self):
        """Return the scopes that have left the catalog, and open nothing any more."""
        return [name for name in self.scopes if canonical(name) is None]

    @property
    def ends_at(self):
        """Return when the key stops by date, or None."""
        return self.retire_at or self.expires_at

    def status(self, at=None):
        """Return the state at this moment; nothing is written when a date passes."""
        at = at or timezone.now()
        if self.revoked_at:
            return self.Status.REVOKED
        if self.suspended_at:
            return self.Status.SUSPENDED
        if self.retire_at and at >= self.retire_at:
            return self.Status.RETIRED
        if self.expires_at and at >= self.expires_at:
            return self.Status.EXPIRED
        return self.Status.RETIRING if self.retire_at else self.Status.ACTIVE

    @cached_property
    def state(self):
        """Return the status now, the same for all parts of one page."""
        return self.status()

    @property
    def works(self):
        """Whether requests with the key are let in now, the same for one page."""
        return self.state not in STOPPED

    @property
    def is_blocked(self):
        """Whether the operator has blocked the key in API_KEYS_BLOCKED."""
        return self.rest_id in settings.API_KEYS_BLOCKED

    def require_usable(self, at=None):
        """Raise `KeyRejected` unless the key opens the API at this moment."""
        if self.is_blocked:
            raise KeyRejected(
                BLOCKED,
                "This API key is blocked by the operator of this Echopoint. Ask them.",
            )
        status = self.status(at)
        if status in STOPPED:
            since, advice = STOPPED[status]
            when = getattr(self, since)
            raise KeyRejected(
                f"API_KEY_{status.upper()}",
                f"This API key was {status} on {when:%Y-%m-%d at %H:%M} UTC. {advice}"
                if status != self.Status.EXPIRED
                else f"This API key expired on {when:%Y-%m-%d at %H:%M} UTC. {advice}",
                metadata={since: when.isoformat().replace("+00:00", "Z")},
            )

    def require_organization(self, organization_id):
        """Raise `OrganizationMismatch` unless the id is that of the key's organization.

        None stands for an endpoint that needs no organization.
        """
        if organization_id is not None and organization_id != self.organization_id:
            raise OrganizationMismatch("This API key belongs to another organization.")

    @property
    def requests_allowed(self):
        """Return how many requests per minute the key may make: its own limit, or else
        the organization's, or else the site's; never more than the site takes."""
        limit = self.requests_per_minute or self.organization.requests_per_minute
        return min(
            limit or settings.API_REQUESTS_PER_MINUTE,
            settings.API_MAX_REQUESTS_PER_MINUTE,
        )

    @property
    def limit_is_shared(self):
        """Whether the limit holds for all processes of the site together."""
        return rate_limits.is_shared()

    def count_request(self):
        """Count a request of the key; return the `RateLimit` that it leaves."""
        return rate_limits.hit("key", self.public_id, self.requests_allowed)

    count_request.alters_data = True

    def require_within(self, rate, *, ip=None):
        """Raise `TooManyRequests` when the limit is exceeded, and count the refusal."""
        if not rate.is_exceeded:
            return
        self.record_refusal(TooManyRequests.code, ip=ip)
        raise TooManyRequests(rate)

    def require_scopes(self, *required):
        """Raise `ScopeDenied` unless the key holds all of these."""
        if lacking := missing(self.scopes, required):
            raise ScopeDenied(
                f"This API key lacks {', '.join(lacking)}. Scopes never change: create"
                " a key that has them, or use another.",
                required=required,
                missing=lacking,
            )

    def record(self, action, by, *, at=None, **details):
        """Append an audit event about this key."""
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("api_key", self.rest_id, self.name),
            at=at,
            **details,
        )

    record.alters_data = True

    def record_use(self, client, at=None):
        """Record an allowed request: when, whence and for what; at most once a minute.

        The first use is an audit event too. A failure is logged, never raised, and a
        locked row is not waited for: the use is written seconds later.
        """
        at = at or timezone.now()
        if not self.is_use_due(at):
            return
        if self.first_used_at is None:
            write = partial(self._record_first_use, client, at)
        else:
            write = partial(self._touch, use_is_due(at), client, at)
        if not self._trace("record the use of", write):
            type(self).late_uses.note(self, client, at)

    record_use.alters_data = True

    def write_late_use(self, client, at):
        """Record a use that could not be written when it was; return whether it is done.

        Run it in a transaction. What was written since is not overwritten.
        """
        row = self._unlocked().first()
        if row is None:
            return not type(self).objects.filter(pk=self.pk).exists()
        if row.first_used_at is None:
            row._record_first_use(client, at)
        elif row.last_used_at < at:
            row._touch(Q(), client, at)
        return True

    write_late_use.alters_data = True

    def is_use_due(self, at):
        """Whether a use at this moment is to be written to the row."""
        last = self.last_used_at
        # A clock that was ahead may have written a time that is still to come.
        return last is None or abs(at - last) >= TOUCH_EVERY

    def _trace(self, act, write):
        """Write a trace of a request, without waiting for locks; log a failure.

        Return what `write()` returns, or None when the trace is not written. A lock may
        be missed at the commit too, where PostgreSQL checks foreign keys.
        """
        try:
            with without_waiting(type(self).objects.db):
                return write()
        except Error as error:
            if is_lock_timeout(error):
                text = "Could not %s %s: a row is locked. It is tried again."
                logger.warning(text, act, self.rest_id)
            else:
                logger.exception("Could not %s %s.", act, self.rest_id)
        return None

    def _update(self, condition, **values):
        """Update the row if the condition holds and nothing locks it."""
        unlocked = self._unlocked().filter(condition).values("pk")
        return type(self).objects.filter(pk__in=unlocked).update(**values)

    def _unlocked(self):
        """Return the key's row for a change, unless another transaction holds it."""
        rows = type(self).objects.filter(pk=self.pk)
        return rows.select_for_update(of=("self",), skip_locked=True, no_key=True)

    def record_refusal(self, reason, *, ip=None, scopes=(), at=None):
        """Count a refused request; the first after each retirement is audited too.

        The holder of a retired key notices only when a request is refused.
        """
        at = at or timezone.now()
        Refusal.objects.record(self, reason, ip=ip, at=at)
        KeyUsage.objects.refuse(self, scopes, at)
        retirement = (self.pk, self.retire_at)
        if reason == "API_KEY_RETIRED" and retirement not in retired_uses_seen:
            write = partial(self._record_retired_use, ip, at)
            if self._trace("record the use of", write):
                retired_uses_seen.add(retirement)

    record_refusal.alters_data = True

    def _record_retired_use(self, ip, at):
        """Return whether the use is in the audit now; not while the row is locked."""
        # The row lock serializes concurrent requests: the second one sees the event
        # that the first one wrote.
        key = self._unlocked().first()
        if key is None:
            return False
        events = AuditEvent.objects.for_org(self.organization)
        known = events.filter(
            target_id=self.rest_id,
            action=Action.RETIRED_USED,
            at__gte=self.retire_at,
        )
        if not known.exists():
            key.record(Action.RETIRED_USED, Actor.key(self, Client(ip=ip)), at=at)
        return True

    def _record_first_use(self, client, at):
        """Return whether this use is the first one, and recorded as that."""
        is_first = self._touch(Q(first_used_at=None), client, at, first_used_at=at)
        if is_first:
            self.record(
                Action.FIRST_USED, Actor.key(self, client), at=at, route=client.route
            )
        return bool(is_first)

    def _touch(self, condition, client, at, **more):
        return self._update(
            condition,
            last_used_at=at,
            last_used_ip=client.ip,
            last_used_user_agent=client.user_agent,
            last_used_route=client.route[:200],
            **more,
        )

    def keep_up_with_peppers(self, token):
        """Digest the key anew when a newer pepper has come since."""
        pepper = tokens.current_pepper()
        if pepper.version == self.pepper_version:
            return
        # A wrong secret must not replace a digest that works elsewhere.
        wrong = Exists(PepperFingerprint.objects.contradicting(pepper))
        same = Q(~wrong, pepper_version=self.pepper_version)
        digest = tokens.digest(token, pepper)
        write = partial(
            self._update, same, digest=digest, pepper_version=pepper.version
        )
        self._trace("update the digest of", write)

    keep_up_with_peppers.alters_data = True

    @transaction.atomic
    def revoke(self, *, by, reason="", at=None):
        """Stop the key now and for good; revoking twice changes nothing.

        Return whether this call is the one that stopped it.
        """
        at = at or timezone.now()
        return self._change(
            Q(revoked_at=None),
            Action.REVOKED,
            by,
            at,
            reason,
            revoked_at=at,
            revoked_by_label=by.label,
            revoke_reason=reason,
        )

    revoke.alters_data = True

    @transaction.atomic
    def suspend(self, *, by, reason="", at=None):
        """Stop the key until it is resumed; return whether this call did.

        Raise `KeyConflict` for a key that has ended: there is nothing to pause.
        """
        at = at or timezone.now()
        if self._change(
            is_usable(at), Action.SUSPENDED, by, at, reason, suspended_at=at
        ):
            return True
        self._require_not_ended(at)
        return False

    suspend.alters_data = True

    @transaction.atomic
    def resume(self, *, by, reason="", at=None):
        """Let a suspended key work again; return whether this call did.

        Raise `KeyConflict` for a key that has ended.
        """
        at = at or timezone.now()
        suspended = Q(revoked_at=None, suspended_at__isnull=False)
        if self._change(suspended, Action.RESUMED, by, at, reason, suspended_at=None):
            return True
        self._require_not_ended(at)
        return False

    resume.alters_data = True

    @transaction.atomic
    def limit_requests(self, requests_per_minute, *, by, at=None):
        """Set the key's own limit, or None for the organization's; return whether it was
        another.

        Raise `InvalidKeyRequest` for a limit that cannot be, and `KeyConflict` for a key
        that is revoked.
        """
        by.require_fresh()
        most = settings.API_MAX_REQUESTS_PER_MINUTE
        if requests_per_minute is not None and not 1 <= requests_per_minute <= most:
            raise InvalidKeyRequest(
                "requests_per_minute",
                f"Enter 1 to {most}, or nothing for the organization's limit.",
                metadata={"minimum": 1, "maximum": most},
            )
        key = for_change(type(self).objects).get(pk=self.pk)
        if key.revoked_at:
            raise KeyConflict("CONFLICT", "This key is revoked; that is final.")
        before, self.requests_per_minute = key.requests_per_minute, requests_per_minute
        if before == requests_per_minute:
            return False
        self.save(update_fields=["requests_per_minute"])
        self.record(
            Action.LIMIT_CHANGED,
            by,
            at=at,
            before=before,
            after=requests_per_minute,
        )
        return True

    limit_requests.alters_data = True

    def _change(self, condition, action, by, at, reason, **values):
        """Change the row if the condition still holds, and record that it was done."""
        by.require_fresh()
        require_text("reason", reason, type(self), column="revoke_reason")
        changed = type(self).objects.filter(condition, pk=self.pk).update(**values)
        if changed:
            for name, value in values.items():
                setattr(self, name, value)
            self.__dict__.pop("state", None)
            self.record(action, by, at=at, reason=reason)
        else:
            self.refresh_from_db()
        return bool(changed)

    def _require_not_ended(self, at):
        status = self.status(at)
        ended = {self.Status.REVOKED, self.Status.RETIRED, self.Status.EXPIRED}
        if status in ended:
            # Retiring can be undone for a while, so it is not said to be final.
            is_final = status != self.Status.RETIRED
            why = "that is final" if is_final else "it cannot be suspended or resumed"
            raise KeyConflict("CONFLICT", f"This key is {status}; {why}.")

    def delete(self, *args, **options):
        raise Immutable("API keys are revoked, never deleted.")

    delete.alters_data = True


BLOCKED = "API_KEY_BLOCKED"
STOPPED = {
    ApiKey.Status.REVOKED: (
        "revoked_at",
        "That is final: create another key and use it instead.",
    ),
    ApiKey.Status.SUSPENDED: (
        "suspended_at",
        "An admin of the organization can resume it.",
    ),
    ApiKey.Status.RETIRED: (
        "retire_at",
        "Its rotation is complete: use its successor instead.",
    ),
    ApiKey.Status.EXPIRED: (
        "expires_at",
        "Create another key and use it instead.",
    ),
}


def use_is_due(at):
    """Return the condition that a use at this moment is to be written to the row."""
    return Q(last_used_at__lte=at - TOUCH_EVERY) | Q(last_used_at__gte=at + TOUCH_EVERY)
