"""Refused requests of known keys, counted and bounded."""

import atexit
import logging
import threading
from datetime import timedelta

from django.db import Error, IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

logger = logging.getLogger(__name__)

WRITE_EVERY = timedelta(seconds=5)


class Tally:
    """Counts waiting in this process, so that a flood of refusals is not one of writes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {}
        self._written_at = None

    def add(self, entry, ip, at):
        """Count one; return what is due to be written, a dict of entry: (count, ip)."""
        with self._lock:
            count, last_ip = self._counts.get(entry, (0, None))
            self._counts[entry] = count + 1, ip or last_ip
            if self._written_at and at - self._written_at < WRITE_EVERY:
                return {}
            self._written_at = at
            return self._take()

    def drain(self):
        """Return all that waits."""
        with self._lock:
            return self._take()

    def _take(self):
        taken, self._counts = self._counts, {}
        return taken


class RefusalManager(models.Manager):
    """Counts refusals: one row for each key, reason and minute."""

    def __init__(self):
        super().__init__()
        self.tally = Tally()

    def record(self, key, reason, *, ip=None, at=None):
        """Count a refused request of a key whose possession was proven.

        The first is written at once, later ones with the next that comes five seconds
        after a write, and the last when the process ends; a crash loses those that
        wait. A failure to write is logged, never raised.
        """
        at = at or timezone.now()
        entry = (key.pk, reason, at.replace(second=0, microsecond=0))
        self.write(self.tally.add(entry, ip, at))

    def flush(self):
        """Write what waits in this process."""
        self.write(self.tally.drain())

    def write(self, counts):
        """Add counts to their rows."""
        for (key_id, reason, minute), (count, ip) in counts.items():
            try:
                self._add(key_id, reason, minute, ip, count)
            except Error:
                logger.exception("Could not count %s refused requests.", count)

    def _add(self, key_id, reason, minute, ip, count):
        row = {"key_id": key_id, "reason": reason, "minute": minute}
        change = {"count": F("count") + count} | ({"last_ip": ip} if ip else {})
        if self.filter(**row).update(**change):
            return
        try:
            with transaction.atomic():
                self.create(**row, count=count, last_ip=ip)
        except IntegrityError:  # another process made the row in between
            self.filter(**row).update(**change)


class Refusal(models.Model):
    """How often a key was refused for a reason in a minute."""

    key = models.ForeignKey(
        "apikeys.ApiKey", on_delete=models.CASCADE, related_name="refusals"
    )
    reason = models.CharField(max_length=40)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
    last_ip = models.GenericIPAddressField(null=True, blank=True)

    objects = RefusalManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "reason", "minute"], name="refusal_unique_in_minute"
            )
        ]

    def __str__(self):
        return f"{self.count} × {self.reason}"


def flush_at_exit():
    """Write the last counts of a process that ends in order."""
    try:
        Refusal.objects.flush()
    except Exception:  # noqa: BLE001, the process is ending and the database may be gone
        logger.warning("The last counts of refused requests were lost.")


atexit.register(flush_at_exit)
