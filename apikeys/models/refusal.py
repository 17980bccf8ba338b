"""Refused requests of known keys, counted and bounded."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apikeys.db.write_buffers import CountingManager


class RefusalManager(CountingManager):
    """Counts refusals: one row for each key, reason and minute."""

    date_field = "minute"

    def __init__(self):
        super().__init__(("key", "reason", "minute"), ("count",), ("last_ip",))

    @property
    def retention(self):
        return timedelta(days=settings.KEEP_REFUSALS_DAYS)

    def record(self, key, reason, *, ip=None, at=None):
        """Count a refused request of a key whose possession was proven."""
        minute = (at or timezone.now()).replace(second=0, microsecond=0)
        self.add((key.pk, reason, minute), (1,), (ip,))


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
        indexes = [
            # For the retired keys that someone still tries to use.
            models.Index(fields=["reason", "minute", "key"], name="refusal_by_reason")
        ]

    def __str__(self):
        return f"{self.count} × {self.reason}"
