"""A queue in the database whose rows a process claims for a while.

If a process dies with a claimed row, it is unknown whether the row was sent. So the claim
expires, and the row is sent again.
"""

from django.db import models, transaction

QUEUED = "queued"


class LeasedQueueManager(models.Manager):
    """Claims due rows; `lease` is how long a claim lasts, a timedelta."""

    lease = None

    @transaction.atomic
    def claim(self, at):
        """Claim a due row for this process and return it, or None.

        SKIP LOCKED and the lease keep other processes from sending it too.
        """
        due = self.filter(state=QUEUED, next_attempt_at__lte=at)
        free = due.select_for_update(skip_locked=True)
        row = free.order_by("next_attempt_at", "pk").first()
        if row:
            row.attempts += 1
            row.next_attempt_at = at + self.lease
            row.save(update_fields=["attempts", "next_attempt_at"])
        return row

    def count_by_state(self):
        counts = self.values_list("state").annotate(models.Count("pk"))
        return dict.fromkeys(self.model.State.values, 0) | dict(counts)


class LeasedQueueItem:
    """A row with the columns state, attempts and next_attempt_at."""

    def write(self, **values):
        """Update the row, unless another process has claimed it since."""
        same = type(self).objects.filter(pk=self.pk, attempts=self.attempts)
        same.filter(state=QUEUED).update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    write.alters_data = True
