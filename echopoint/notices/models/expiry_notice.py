"""Expiry notices: a row for each threshold that a key reached, and its recipients."""

from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from apikeys.db.retention import RetentionManager
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

# Longer than any threshold, so that nothing is sent again.
KEPT_FOR = timedelta(days=400)


class ExpiryNoticeManager(RetentionManager.from_queryset(OrgOwnedQuerySet)):
    """Record notices, each once."""

    retention = KEPT_FOR
    date_field = "created_at"

    @transaction.atomic
    def record(self, key, threshold, user_ids, *, contact="", at=None):
        """Record that the key has reached the threshold, with its recipients.

        `contact` is the contact's address, or empty if it gets no mail.

        Return the notice, or None if it exists. If two processes record it at the same
        time, the unique index blocks the second one until the first commits.
        """
        notice, is_new = self.get_or_create(
            organization=key.organization,
            key=key,
            ends_at=key.ends_at,
            threshold=threshold,
            defaults={"created_at": at or timezone.now()},
        )
        if not is_new:
            return None
        NoticeRecipient.objects.bulk_create(
            NoticeRecipient(notice=notice, user_id=id) for id in sorted(user_ids)
        )
        if contact:
            ContactNotice.objects.create(notice=notice, address=contact)
        return notice

    record.alters_data = True


class ExpiryNotice(OrgOwned):
    """A key that has reached a threshold before its end."""

    key = models.ForeignKey(
        "apikeys.ApiKey",
        on_delete=models.CASCADE,
        related_name="expiry_notices",
        db_index=False,  # keys are never deleted
    )
    # A rotation moves the end of a key, so each end has notices of its own.
    ends_at = models.DateTimeField()
    threshold = models.PositiveSmallIntegerField(help_text="Days before the end.")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ExpiryNoticeManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key", "ends_at", "threshold"],
                name="expiry_notice_unique",
            )
        ]

    def __str__(self):
        return f"{self.key_id}, {self.threshold} days before {self.ends_at:%Y-%m-%d}"


class RecipientManager(models.Manager):
    """Select recipients whose e-mail is not queued yet."""

    def pending(self):
        return self.filter(digest=None)

    def waiting(self):
        """Return the sorted user ids, or addresses, that have pending rows."""
        column = self.model.RECIPIENT
        rows = self.pending().order_by(column).values_list(column, flat=True)
        return list(rows.distinct())


class NoticeRecipient(models.Model):
    """A person who gets a notice, and the digest that contains it."""

    RECIPIENT = "user"

    notice = models.ForeignKey(
        ExpiryNotice,
        on_delete=models.CASCADE,
        related_name="recipients",
        db_index=False,
    )
    user = models.ForeignKey(
        "organizations.User",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # only useful to delete a user, which is rare
    )
    # CASCADE: a row without a digest would be sent again.
    digest = models.ForeignKey(
        "notices.NoticeDigest", null=True, on_delete=models.CASCADE, related_name="rows"
    )

    objects = RecipientManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "user"], name="notice_recipient_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["user", "id"],
                condition=models.Q(digest=None),
                name="notice_recipient_pending",
            )
        ]

    def __str__(self):
        return f"{self.user_id} of notice {self.notice_id}"


class ContactNotice(models.Model):
    """A contact of the key that gets a notice, and the digest that contains it."""

    RECIPIENT = "address"

    notice = models.ForeignKey(
        ExpiryNotice,
        on_delete=models.CASCADE,
        related_name="contacts",
        db_index=False,
    )
    address = models.EmailField()
    # CASCADE: a row without a digest would be sent again.
    digest = models.ForeignKey(
        "notices.ContactDigest",
        null=True,
        on_delete=models.CASCADE,
        related_name="rows",
    )

    objects = RecipientManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "address"], name="contact_notice_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["address", "id"],
                condition=models.Q(digest=None),
                name="contact_notice_pending",
            )
        ]

    def __str__(self):
        return f"{self.address} of notice {self.notice_id}"
