"""Users, organizations, memberships, and the base of organization-owned models."""

import unicodedata
from itertools import groupby

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from echopoint.core import ids
from echopoint.core.audit_log import audit_log
from echopoint.core.deferred_fields import DeferredTogether
from echopoint.core.locks import for_change, for_delete
from echopoint.core.names import refuse_secret, validate_name
from echopoint.core.refusals import InvalidField
from echopoint.organizations import roles

MAX_LIFETIME_DAYS = 3650
MAX_KEPT_DAYS = 36_500
MAX_KEYS = 100_000  # of a policy; each issue counts this many keys at most
# Not above the shortest `ReviewInterval`, so that a review ends before the next one is due.
MAX_REVIEW_PERIOD_DAYS = 30


class UserManager(BaseUserManager):
    """Creates users. E-mail addresses are case-insensitive."""

    def create_user(self, email, password=None, **fields):
        """Create a user. Without a password they cannot sign in until they set one."""
        # Checked before it is lowercased, because a lowercase key is harder to recognize.
        refuse_secret(email or "")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def create_superuser(self, email, password=None, **fields):
        """Create a user with all permissions in the admin console."""
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **fields
        )

    @classmethod
    def normalize_email(cls, email):
        """Return the canonical address: NFKC-normalized and lowercase."""
        plain = unicodedata.normalize("NFKC", email or "")
        # Again, because lowercasing can produce letters that NFKC changes.
        return unicodedata.normalize("NFKC", plain.lower())

    def get_by_natural_key(self, email):
        # Databases fold case differently, and `iexact` could match several users.
        return self.get(email=self.normalize_email(email))


class User(AbstractBaseUser, PermissionsMixin):
    """A person."""

    id = models.CharField(
        primary_key=True, max_length=40, default=ids.user_id, editable=False
    )
    email = models.EmailField("e-mail", unique=True, validators=[validate_name])
    name = models.CharField(max_length=150, blank=True, validators=[validate_name])
    is_staff = models.BooleanField("may sign in to the admin console", default=False)
    is_active = models.BooleanField("may sign in", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()
    # Set on the instance for the audit: the password was set by a reset link, or removed.
    resets_password = False
    drops_password = False

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="A user with this e-mail exists already.",
            )
        ]

    def __str__(self):
        return self.email

    @classmethod
    def normalize_username(cls, username):
        # Normalized before the uniqueness check, so that the form reports a taken address.
        return cls.objects.normalize_email(username)

    @transaction.atomic
    def save(self, **options):
        # Stored in canonical form, so that lookups match.
        self.email = type(self).objects.normalize_email(self.email)
        # Not set when Django only upgrades the hash: it resets `_password` first.
        has_new_password = self._password is not None or self.drops_password
        is_change = has_new_password and not self._state.adding
        if is_change:
            # Lock order: chains before the user's row, as in the console.
            audit_log().lock_chains_of(self)
        super().save(**options)
        self.drops_password = False
        if is_change:
            audit_log().password_changed(self, is_reset=self.resets_password)

    def set_unusable_password(self):
        self.drops_password = True
        super().set_unusable_password()


class OrganizationManager(models.Manager):
    """Creates organizations."""

    @transaction.atomic
    def create_with_owner(self, name, owner):
        """Create an organization with its first member, an owner."""
        organization = self.model(name=name)
        organization.full_clean()
        organization.save()
        audit_log().organization_created(organization)
        role = Membership.Role.OWNER
        Membership(organization=organization, user=owner, role=role).put()
        return organization


class LeakAction(models.TextChoices):
    SUSPEND = "suspend", "Suspend it"
    REVOKE = "revoke", "Revoke it"


class ReviewInterval(models.IntegerChoices):
    MONTH = 30, "Every 30 days"
    QUARTER = 90, "Every 90 days (each quarter)"
    HALF_YEAR = 180, "Every 180 days"
    YEAR = 365, "Every 365 days"


class UnconfirmedAction(models.TextChoices):
    REPORT = "report", "Only report it"
    SUSPEND = "suspend", "Suspend it"


class Organization(DeferredTogether):
    """A tenant, with the policy that limits its keys."""

    id = models.CharField(
        primary_key=True, max_length=40, default=ids.organization_id, editable=False
    )
    name = models.CharField(
        max_length=255,
        validators=[RegexValidator(r"\S", "The name cannot be blank."), validate_name],
    )
    description = models.TextField(blank=True, validators=[refuse_secret])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    default_lifetime_days = models.PositiveIntegerField(
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text="The expiry of a key when none is chosen.",
    )
    max_lifetime_days = models.PositiveIntegerField(
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text="The latest expiry a key can have.",
    )
    allow_non_expiring = models.BooleanField(
        default=False, help_text="Whether a key may have no expiry at all."
    )
    max_overlap_days = models.PositiveIntegerField(
        default=7,
        validators=[MaxValueValidator(MAX_LIFETIME_DAYS)],
        help_text="How long both keys of a rotation may work.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="The limit of each key that has none of its own.",
    )
    keep_captured_requests_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEPT_DAYS)],
        help_text="How long captured requests are kept.",
    )
    keep_executions_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEPT_DAYS)],
        help_text="How long ended executions are kept.",
    )
    leak_action = models.CharField(
        max_length=10,
        choices=LeakAction.choices,
        default=LeakAction.SUSPEND,
        db_default=LeakAction.SUSPEND,
        help_text="What happens to a key that is reported as leaked.",
    )
    max_keys = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEYS)],
        help_text="How many keys may be valid at the same time.",
    )
    # NULL allows every scope of the role. `apikeys.policy` validates the names.
    owner_scopes = models.JSONField(
        null=True, blank=True, help_text="Scopes and presets that owners may grant."
    )
    admin_scopes = models.JSONField(
        null=True, blank=True, help_text="Scopes and presets that admins may grant."
    )
    listed_scopes = models.JSONField(
        null=True,
        blank=True,
        help_text="Scopes that require a list of allowed addresses.",
    )
    notice_days = models.JSONField(
        null=True, blank=True, help_text="Days before the end of a key, for notices."
    )
    require_description = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether each key must have a description.",
    )
    require_contact = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether each key must have an owner or a contact.",
    )
    # NULL: no reviews open automatically.
    review_every_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        choices=ReviewInterval.choices,
        help_text="How often the keys are reviewed.",
    )
    review_period_days = models.PositiveIntegerField(
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_REVIEW_PERIOD_DAYS)],
        help_text="How long the keys of a review can be confirmed.",
    )
    unconfirmed_action = models.CharField(
        max_length=10,
        choices=UnconfirmedAction.choices,
        default=UnconfirmedAction.REPORT,
        db_default=UnconfirmedAction.REPORT,
        help_text="What happens to a key that a review did not confirm.",
    )
    # While set, no key of the organization works; see `apikeys.freezing`.
    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    frozen_by_label = models.CharField(
        max_length=255, blank=True, default="", db_default="", editable=False
    )
    freeze_reason = models.CharField(
        max_length=255, blank=True, default="", db_default="", editable=False
    )

    objects = OrganizationManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(default_lifetime_days__gte=1)
                & models.Q(default_lifetime_days__lte=models.F("max_lifetime_days")),
                name="organization_default_within_max_lifetime",
                violation_error_message=(
                    "The default lifetime must lie between 1 day and the maximum lifetime."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(max_lifetime_days__lte=MAX_LIFETIME_DAYS)
                & models.Q(max_overlap_days__lte=MAX_LIFETIME_DAYS),
                name="organization_limits_bounded",
            ),
            models.CheckConstraint(
                condition=~models.Q(requests_per_minute=0)
                & ~models.Q(keep_captured_requests_days=0)
                & ~models.Q(keep_executions_days=0),
                name="organization_limits_not_zero",
            ),
        ]

    def __str__(self):
        return self.name


class MembershipQuerySet(models.QuerySet):
    """Queries of memberships."""

    def of(self, user, organization_id):
        """Return the user's membership with its organization, or None."""
        return (
            self.select_related("organization")
            .filter(user=user, organization_id=organization_id)
            .first()
        )

    def managing_keys(self):
        """Only memberships whose role may manage keys."""
        return self.filter(role__in=roles.MANAGING_ROLES)

    @transaction.atomic
    def end(self, keys_to=None):
        """Delete the memberships, recording each; return the `HandOver` of each one's keys.

        `keys_to` is the user who becomes the owner of the keys that the members own; None
        leaves these keys without an owner. Raise `InvalidField` unless this user stays a
        member of each organization.
        """
        # Lock order: memberships, keys, then chains by organization id.
        leaving = list(self.values_list("pk", "organization_id"))
        rows = locked_with_heir(leaving, keys_to)
        if keys_to:
            require_stays(keys_to, rows)
        lock_owned_keys(rows)
        changes = [row.give_up_keys(keys_to) for row in rows]
        for row, change in zip(rows, changes, strict=True):
            change.record()
            audit_log().member_removed(row)
            row.delete()
        return changes

    end.alters_data = True


def locked_with_heir(leaving, heir):
    """Lock the memberships that end, and the heir's, by primary key.

    `leaving` is [(primary key, organization id), …] and `heir` a user or None. Return the
    memberships that end, by organization. The heir cannot leave before the keys changed hands.
    """
    ids = {pk for pk, _ in leaving}
    stays = Q(user=heir, organization__in={id for _, id in leaving})
    wanted = Q(pk__in=ids) | stays if heir else Q(pk__in=ids)
    found = Membership.objects.filter(wanted).select_related("organization")
    rows = [row for row in for_delete(found).order_by("pk") if row.pk in ids]
    return sorted(rows, key=lambda row: (row.organization_id, row.pk))


def lock_owned_keys(memberships):
    """Lock the keys that several members of an organization own, by primary key.

    `reassign` locks those of one member in this order.
    """
    by_organization = groupby(memberships, lambda row: row.organization)
    for organization, rows in by_organization:
        users = [row.user_id for row in rows]
        if len(users) == 1:
            continue
        owned = organization.api_keys.filter(owner__in=users)
        locked = for_change(owned).order_by("pk").values_list("pk", flat=True)
        for _ in locked.iterator():
            pass


def require_stays(user, leaving):
    """Raise `InvalidField` unless the user stays a member of each organization in `leaving`.

    The user's memberships are locked.
    """
    organizations = {row.organization_id for row in leaving}
    others = Membership.objects.filter(
        user=user, organization__in=organizations
    ).exclude(pk__in=[row.pk for row in leaving])
    if others.count() < len(organizations):
        raise InvalidField(
            "keys_to",
            f"{user} does not stay a member of each of these organizations. Choose another"
            " member, or leave it empty.",
        )


class Membership(models.Model):
    """A user's role in an organization."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ADMIN = "admin", "Admin"
        MEMBER = "member", "Member"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"], name="membership_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=sorted(roles.PERMISSIONS)),
                name="membership_role_known",
            ),
        ]

    def __str__(self):
        return f"{self.user} in {self.organization} ({self.role})"

    @transaction.atomic
    def put(self):
        """Save the membership and record the change in the audit log."""
        before = for_change(Membership.objects.filter(pk=self.pk)).first()
        self.save()
        if before is None:
            audit_log().member_added(self)
        elif before.user_and_organization != self.user_and_organization:
            # Lock order: keys, then chains by organization id, to avoid deadlocks.
            change = before.give_up_keys()
            reports = [
                (before.organization_id, 0, change.record, ()),
                (before.organization_id, 1, audit_log().member_removed, [before]),
                (self.organization_id, 2, audit_log().member_added, [self]),
            ]
            for _, _, report, arguments in sorted(reports, key=lambda r: r[:2]):
                report(*arguments)
        elif before.role != self.role:
            audit_log().role_changed(self, before=before.role)

    put.alters_data = True

    def end(self, keys_to=None):
        """End the membership as `MembershipQuerySet.end` does; do nothing if it has ended."""
        return Membership.objects.filter(pk=self.pk).end(keys_to)

    end.alters_data = True

    def give_up_keys(self, owner=None):
        """Make `owner` the owner of the keys that the member owns; return the `HandOver`."""
        organization = self.organization
        return organization.api_keys.reassign(organization, self.user, owner)

    give_up_keys.alters_data = True

    @property
    def user_and_organization(self):
        return self.organization_id, self.user_id

    @property
    def permissions(self):
        """Return the permissions of the role, a frozenset of `resource:action`."""
        return roles.PERMISSIONS[self.role]


class OrgOwnedQuerySet(models.QuerySet):
    """Rows that belong to an organization."""

    def for_org(self, organization):
        """Only this organization's rows."""
        return self.filter(organization=organization)


class OrgOwned(models.Model):
    """A row of one organization. No other organization may see it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)

    objects = OrgOwnedQuerySet.as_manager()

    class Meta:
        abstract = True
