"""The API key: its fields, constraints and indexes."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from apikeys import tokens
from apikeys.exceptions import OrganizationMismatch, ScopeDenied
from apikeys.models.address_restriction import AddressRestriction
from apikeys.models.audit import AuditEvent, Immutable
from apikeys.models.late_use import LateUseManager
from apikeys.models.leak_report import LeakReport
from apikeys.models.manager import ApiKeyManager
from apikeys.models.naming import Naming
from apikeys.models.ownership import Ownership
from apikeys.models.querysets import (
    ENDS_AT,
    IDLE_SINCE,
    LABEL_OF_PERSON,
    SCOPE_IDLE_SINCE,
    UNDESCRIBED,
    UNOWNED,
)
from apikeys.models.request_limit import RequestLimit
from apikeys.models.rotation import Rotation
from apikeys.models.stopping import Stopping
from apikeys.models.usability import Usability
from apikeys.models.use_recording import UseRecording
from apikeys.scopes import PRESETS, canonical, missing
from echopoint.core.client_metadata import USER_AGENT_LENGTH
from echopoint.core.deferred_fields import DeferredTogether
from echopoint.core.fields import FoldedField
from echopoint.organizations.models import Organization

NAME_KEY_LENGTH = 400  # of 100 characters, some of which fold to several


def new_family():
    return uuid.uuid4()


class ApiKey(
    Usability,
    AddressRestriction,
    Naming,
    Ownership,
    Stopping,
    LeakReport,
    Rotation,
    RequestLimit,
    UseRecording,
    DeferredTogether,
):
    """A credential of an organization; it outlives the account of its creator."""

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
    # Before names were folded, two keys could have names that are equal when folded. To
    # keep both, the younger one and its successors have its public id here. All other
    # keys have an empty string, so that the unique index below applies to them.
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
        db_index=False,  # only useful to delete a user, which is rare
    )
    created_by_label = models.CharField(max_length=255)
    # A member of the organization. NULL: owners and admins receive the key's notices.
    owner = models.ForeignKey(
        "organizations.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,  # the index below begins with the organization
    )
    # An address without an account, such as a team's; it also gets the key's notices.
    contact_email = models.EmailField(blank=True, default="", db_default="")
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
    # None: the limit of the organization.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # The stored `AllowList`. NULL is no list, and differs from every text.
    allow_list = models.TextField(null=True, blank=True, editable=False)  # noqa: DJ001
    # The end of the chosen overlap; after retire(), `retire_at` is earlier.
    overlap_ends_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    # The last report with the complete key; the first one for a key that was stopped by then.
    leak_reported_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by_label = models.CharField(max_length=255, blank=True)
    revoke_reason = models.CharField(max_length=255, blank=True)
    first_used_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)
    last_used_user_agent = models.CharField(max_length=USER_AGENT_LENGTH, blank=True)
    last_used_route = models.CharField(max_length=200, blank=True)
    # The earliest last use among the key's scopes; NULL while a scope was never used.
    # Copied from `ScopeUse`, so that the list can use an index.
    scopes_used_since = models.DateTimeField(null=True, blank=True, editable=False)

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
            # One for each sort of the list, for live keys and for revoked ones. With one
            # index for both, a million revoked keys would slow down the list of live ones.
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
                    (f"api_key_{kind}_idle_scope", SCOPE_IDLE_SINCE),
                )
            ),
            # The order by id of the API, which lists no revoked keys.
            models.Index(
                fields=["organization", "public_id", "id"],
                condition=Q(revoked_at=None),
                name="api_key_live_public_id",
            ),
            # One for each filter. Those by name and by scope are GIN indexes of
            # PostgreSQL, created by a migration.
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
                fields=["organization", "leak_reported_at"],
                condition=Q(leak_reported_at__isnull=False, revoked_at=None),
                name="api_key_leaked",
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
            models.Index(
                fields=["organization", "owner", "created_at", "id"],
                name="api_key_owner",
            ),
            models.Index(
                fields=["organization", "contact_email", "id"],
                condition=~Q(contact_email="") & Q(revoked_at=None),
                name="api_key_contact",
            ),
            *(
                models.Index(
                    fields=["organization", "created_at", "id"],
                    condition=condition,
                    name=name,
                )
                for name, condition in (
                    ("api_key_undescribed", UNDESCRIBED),
                    ("api_key_unowned", UNOWNED),
                )
            ),
            *(
                models.Index(
                    fields=["organization", "created_at", "id"],
                    condition=Q(allow_list__isnull=is_open),
                    name=name,
                )
                for name, is_open in (
                    ("api_key_restricted", False),
                    ("api_key_unrestricted", True),
                )
            ),
            # Without an account, the label says whether a command or a person who has
            # left created the key. There may be many of one kind and few of the other.
            *(
                models.Index(
                    fields=["organization", "created_by", "created_at", "id"],
                    condition=Q(created_by=None) & is_person,
                    name=name,
                )
                for name, is_person in (
                    ("api_key_by_deleted_person", LABEL_OF_PERSON),
                    ("api_key_by_command", ~LABEL_OF_PERSON),
                )
            ),
        ]

    def __str__(self):
        return f"{self.name} ({self.display_id})"

    def get_absolute_url(self):
        return reverse("apikeys:detail", args=[self.organization_id, self.public_id])

    @property
    def rest_id(self):
        """Return the key's API ID."""
        return f"key_{self.public_id}"

    @property
    def display_id(self):
        """Return the start of the key, by which people recognize it; not a secret."""
        return f"{tokens.prefix()}_{self.public_id}_…"

    @property
    def permissions(self):
        """Return the scopes as `Membership.permissions` does, so that callers need not differ."""
        return frozenset(self.scopes)

    @property
    def lapsed_scopes(self):
        """Return the scopes that were removed from the catalog; they allow nothing."""
        return [name for name in self.scopes if canonical(name) is None]

    def require_allowed(self, *, organization_id, ip, at=None):
        """Raise `Refused` unless the key works from this address for the organization.

        This is the decision about a key; scopes come after it.
        """
        self.require_usable(at)
        self.require_address(ip)
        self.require_organization(organization_id)

    def require_organization(self, organization_id):
        """Raise `OrganizationMismatch` unless the id is that of the key's organization.

        None stands for an endpoint that needs no organization.
        """
        if organization_id is not None and organization_id != self.organization_id:
            raise OrganizationMismatch("This API key belongs to another organization.")

    def require_scopes(self, *required):
        """Raise `ScopeDenied` unless the key has all of these scopes."""
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

    def delete(self, *args, **options):
        raise Immutable("API keys are revoked, never deleted.")

    delete.alters_data = True
