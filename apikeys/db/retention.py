"""Managers for rows with a retention period."""

import logging

from django.db import Error, models, transaction
from django.utils import timezone

logger = logging.getLogger(__name__)

BATCH = 1000
# Rows deleted per write. Must exceed the rows one write adds, so that the table shrinks.
ROWS_PER_WRITE = 20


class RetentionManager(models.Manager):
    """Manager that deletes rows after a retention period.

    retention    how long rows are stored, a timedelta, or a property that returns one
    date_field   the name of the column with the date or time of a row
    """

    retention = None
    date_field = ""

    def expired(self, at=None):
        """Return the rows whose retention period is over."""
        return self.filter(**{f"{self.date_field}__lt": self._cutoff(at)})

    def prune(self, *, count=None, at=None):
        """Delete the expired rows among the `count` oldest; return how many.

        Ids ascend with dates, or nearly so. Reading by id needs no index on the date.
        """
        cutoff = self._cutoff(at)
        with transaction.atomic():
            # Skip rows that another process is deleting: waiting for it would stall the
            # flush, and there would be nothing left to delete.
            rows = self.select_for_update(skip_locked=True).order_by("pk")
            oldest = rows.values_list("pk", self.date_field)[: count or BATCH]
            expired = [pk for pk, date in oldest if date < cutoff]
            if expired:
                self.filter(pk__in=expired).delete()
        return len(expired)

    def _cutoff(self, at):
        cutoff = (at or timezone.now()) - self.retention
        return self.model._meta.get_field(self.date_field).to_python(cutoff)

    def prune_on_write(self):
        """Delete a few expired rows after a write; a failure is logged, not raised."""
        try:
            self.prune(count=ROWS_PER_WRITE)
        except Error:
            logger.exception("Could not prune %s.", self.model.__name__)

    def prune_all(self, *, at=None):
        """Delete all expired rows in batches; return how many."""
        total = 0
        while pruned := self.prune(at=at):
            total += pruned
        return total
