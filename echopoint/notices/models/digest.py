"""Digests: one e-mail per day for each person and each contact of keys."""

from django.db import models, transaction
from django.utils import timezone

from apikeys.db.retention import RetentionManager
from echopoint.notices.models.expiry_notice import KEPT_FOR


class DigestManager(RetentionManager):
    """Send digests, one per recipient and day."""

    retention = KEPT_FOR
    date_field = "day"

    @transaction.atomic
    def send(self, recipient, *, day, compose):
        """Queue the recipient's digest of the day; return the number of keys in it.

        `compose(rows)` returns the message about the pending rows and the number of keys
        in it, or None if nothing is due any more. The row of the digest is inserted
        first: another process with the same recipient blocks until this one commits, and
        then finds the row. The mail is queued in the same transaction, so it is neither
        lost nor queued twice if this process is killed.
        """
        whom = {self.model.RECIPIENT: recipient}
        digest, is_new = self.get_or_create(**whom, day=day)
        if not is_new:
            return 0  # what became due since waits for the next day
        waiting = self.model.rows.rel.related_model.objects
        rows = list(
            waiting.pending()
            .filter(**whom)
            .select_related("notice__key__organization")
            .order_by("notice__ends_at", "pk")
        )
        same = waiting.filter(pk__in=[row.pk for row in rows])
        message, count = compose(rows)
        if message is None:
            same.delete()
            digest.delete()
            return 0
        message.send()
        same.update(digest=digest)
        return count

    send.alters_data = True


class NoticeDigest(models.Model):
    """A digest that was queued as mail to a person."""

    RECIPIENT = "user"

    user = models.ForeignKey(
        "organizations.User",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # the constraint's index begins with it
    )
    day = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = DigestManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "day"], name="notice_digest_unique")
        ]

    def __str__(self):
        return f"{self.user_id} on {self.day}"


class ContactDigest(models.Model):
    """A digest that was queued as mail to a contact of keys."""

    RECIPIENT = "address"

    address = models.EmailField()
    day = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = DigestManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address", "day"], name="contact_digest_unique"
            )
        ]

    def __str__(self):
        return f"{self.address} on {self.day}"
