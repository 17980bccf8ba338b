"""Refused requests of known keys, counted per minute."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apikeys.db.write_buffers import CountingManager


class RefusalManager(CountingManager):
    """Counts refusals: one row per key, reason and minute.

    A caller that retries in a loop adds to a row instead of filling the table.
    """

    date_field = "minute"

    def __init__(self):
        super().__init__(("key", "reason", "minute"), ("count",), ("last_ip",))

    @property
    def retention(self):
        return timedelta(days=settings.KEEP_REFUSALS_DAYS)

    def record(self, key, reason, *, ip=None, at=None):
        """Count a refused request. Call it only once the secret is proven.

        Anyone who knows a public id could fill the table otherwise.
        """
        minute = (at or timezone.now()).replace(second=0, microsecond=0)
        self.add((key.pk, reason, minute), (1,), (ip,))


class Refusal(models.Model):
    """Refused requests of a key in a minute, for a reason."""

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
        indexes = [
            # For retired keys that are still in use somewhere.
            models.Index(fields=["reason", "minute", "key"], name="refusal_by_reason")
        ]

    def __str__(self):
        return f"{self.count} × {self.reason}"
