"""A key in an access review, and whether it was confirmed."""

from django.db import connections, models, router
from django.db.models import Exists, F, OuterRef, Q, Value

from apikeys.models.audit import AuditEvent
from apikeys.models.querysets import has_not_ended
from apikeys.stale_forms import digest_of
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization, OrgOwnedQuerySet


def fingerprint(key):
    """Return a digest of what a person sees of the key and decides by."""
    is_leaked, is_suspended = bool(key.leak_reported_at), bool(key.suspended_at)
    return digest_of(
        key.name, sorted(key.scopes), key.owner_id, is_leaked, is_suspended
    )


class ReviewedKeyQuerySet(OrgOwnedQuerySet):
    """The keys of reviews."""

    def with_keys(self):
        return self.select_related("key__organization", "key__owner", "review")

    def still_to_confirm(self, at, *, is_needed=True):
        """Only pending rows whose key has not ended and was not rotated during the review.

        Without `is_needed`, only the other pending rows. The condition must match
        `ReviewedKey.needs_none`.
        """
        own = keys().filter(organization=OuterRef("organization"))
        live = own.filter(has_not_ended(at), pk=OuterRef("key"))
        successors = own.filter(
            rotated_from=OuterRef("key"),
            revoked_at=None,
            created_at__gte=OuterRef("review__opened_at"),
        )
        needed = Q(Exists(live), ~Exists(successors))
        return self.filter(
            needed if is_needed else ~needed, outcome=ReviewedKey.Outcome.PENDING
        )

    def with_locked_keys(self, **conditions):
        """Return these rows with their keys, which are locked by primary key."""
        rows = list(self.filter(**conditions).order_by("key"))
        locked = for_change(keys().select_related("organization", "owner"))
        by_pk = {
            key.pk: key
            for key in locked.filter(pk__in=[row.key_id for row in rows]).order_by("pk")
        }
        for row in rows:
            row.key = by_pk[row.key_id]
        return rows


class ReviewedKeyManager(models.Manager.from_queryset(ReviewedKeyQuerySet)):
    """Add keys to a review."""

    def add(self, review, keys):
        """Add the keys, ordered by name; return how many.

        One statement in the database, because the organization is locked meanwhile: with
        100,000 keys, rows made in Python took 14 s.
        """
        row = self.model(organization_id=review.organization_id, review=review)
        values = {
            field: Value(value, field)
            for field in self.model._meta.concrete_fields
            if (value := getattr(row, field.attname)) is not None
        }
        values[self.model._meta.get_field("key")] = F("pk")
        chosen = keys.order_by("name_key", "pk").values_list(*values.values())
        connection = connections[router.db_for_write(self.model, instance=row)]
        sql, params = chosen.query.get_compiler(connection=connection).as_sql()
        quote = connection.ops.quote_name
        columns = ", ".join(quote(field.column) for field in values)
        table = quote(self.model._meta.db_table)
        with connection.cursor() as cursor:
            # The ids are in the order of the SELECT, as the lists of a review need them.
            statement = f"INSERT INTO {table} ({columns}) {sql}"  # noqa: S608, our own names
            cursor.execute(statement, params)
            return cursor.rowcount


class ReviewedKey(models.Model):
    """A key that had not ended when the review opened."""

    class Outcome(models.TextChoices):
        PENDING = "pending", "Not confirmed yet"
        CONFIRMED = "confirmed", "Confirmed"
        SUSPENDED = "suspended", "Not confirmed, suspended"
        UNCONFIRMED = "unconfirmed", "Not confirmed"
        ROTATED = "rotated", "Rotated"
        ENDED = "ended", "Ended"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # the indexes begin with it
    )
    review = models.ForeignKey(
        "apikeys.AccessReview",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # rows are read with their organization
    )
    key = models.ForeignKey(
        "apikeys.ApiKey",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # rows are read with their organization and review
    )
    outcome = models.CharField(
        max_length=12, choices=Outcome.choices, default=Outcome.PENDING
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by_label = models.CharField(max_length=255, blank=True)
    # The key as it was confirmed.
    confirmed_scopes = models.JSONField(null=True, blank=True)
    confirmed_owner_label = models.CharField(max_length=255, blank=True)
    # The person who confirmed the key owned it, or had created it.
    is_by_owner = models.BooleanField(default=False)
    is_by_creator = models.BooleanField(default=False)
    note = models.CharField(max_length=255, blank=True)

    objects = ReviewedKeyManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "review", "key"], name="reviewed_key_unique"
            )
        ]
        indexes = [
            # The lists of a review. The ids are in the order of names.
            models.Index(
                fields=["organization", "review", "outcome", "id"],
                name="reviewed_key_outcome",
            )
        ]

    def __str__(self):
        return f"{self.key_id} in review {self.review_id}: {self.outcome}"

    @property
    def own_words(self):
        """Return how the person who confirmed the key is related to it, or ""."""
        if self.is_by_owner:
            return "its own owner"
        return "its own creator" if self.is_by_creator else ""

    def is_stale(self, review, shown, at):
        """Whether the key has changed since it was shown, or needs no confirmation."""
        has_changed = fingerprint(self.key) != shown[self.key.public_id]
        return has_changed or self.needs_none(review, at)

    def needs_none(self, review, at):
        """Whether the key needs no confirmation: it has ended or was rotated meanwhile."""
        return self.key.has_ended(at) or self.key.was_rotated_since(review.opened_at)

    def confirm(self, review, *, by, note, at):
        """Store and record the confirmation. The caller has locked the review and the key."""
        key, user = self.key, by.user
        self.outcome = self.Outcome.CONFIRMED
        self.confirmed_at, self.confirmed_by_label, self.note = at, by.label, note
        self.confirmed_scopes = key.scopes
        self.confirmed_owner_label = key.owner_email or ""
        self.is_by_owner = bool(user) and key.owner_id == user.pk
        self.is_by_creator = bool(user) and key.created_by_id == user.pk
        self.save()
        key.record(
            AuditEvent.Action.CONFIRMED,
            by,
            at=at,
            review=review.number,
            scopes=key.scopes,
            owner=key.owner_email,
            own=self.own_words,
            note=note,
        )

    confirm.alters_data = True

    def settle(self, review, *, by, at):
        """Store and return the outcome of an unconfirmed key; suspend it if the review does.

        The caller has locked the review and the key.
        """
        self.outcome = self._settled(review, by, at)
        self.save(update_fields=["outcome"])
        return self.outcome

    settle.alters_data = True

    def _settled(self, review, by, at):
        key = self.key
        # A rotated key may have retired by now, or expired.
        if not key.revoked_at and key.was_rotated_since(review.opened_at):
            return self.Outcome.ROTATED
        if key.has_ended(at):
            return self.Outcome.ENDED
        reason = f"Not confirmed in access review {review.number}."
        if review.suspends and key.suspend(by=by, reason=reason, at=at):
            return self.Outcome.SUSPENDED
        return self.Outcome.UNCONFIRMED


def keys():
    """Return the keys. The model of keys imports the audit, as this module does."""
    return ReviewedKey._meta.get_field("key").related_model.objects.all()
