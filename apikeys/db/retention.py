"""Rows that are kept for a while only: those that nobody is shown any more."""

import logging

from django.db import Error, models, transaction
from django.utils import timezone

logger = logging.getLogger(__name__)

BATCH = 1000
ALONGSIDE = 20  # rows, where something else is written: more than come by one write


class FadingManager(models.Manager):
    """Knows for how long its rows are kept.

    kept_for   how long, a timedelta, or a property that returns one
    dated      the name of the column with the date or time of a row
    """

    kept_for = None
    dated = ""

    def past(self, at=None):
        """Return the rows that are out of date."""
        end = (at or timezone.now()) - self.kept_for
        end = self.model._meta.get_field(self.dated).to_python(end)
        return self.filter(**{f"{self.dated}__lt": end})

    def prune(self, *, count=None, at=None):
        """Delete what is out of date among the `count` oldest rows; return how many.

        Rows come in the order of their dates, or nearly so, and so do their ids: no
        index on the date is needed. Rows that another process deletes are left to it.
        """
        end = (at or timezone.now()) - self.kept_for
        end = self.model._meta.get_field(self.dated).to_python(end)
        with transaction.atomic():
            rows = self.select_for_update(skip_locked=True).order_by("pk")
            oldest = rows.values_list("pk", self.dated)[: count or BATCH]
            past = [pk for pk, date in oldest if date < end]
            if past:
                self.filter(pk__in=past).delete()
        return len(past)

    def prune_alongside(self):
        """Delete a few rows where others are written; a failure is logged, not raised."""
        try:
            self.prune(count=ALONGSIDE)
        except Error:
            logger.exception("Could not prune %s.", self.model.__name__)

    def prune_all(self, *, at=None):
        """Delete all that is out of date, a batch at a time; return how many."""
        total = 0
        while pruned := self.prune(at=at):
            total += pruned
        return total
