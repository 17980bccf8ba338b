"""Self-hosted runners, known by what they say when they ask for jobs."""

from django.db import models
from django.utils import timezone

from echopoint.organizations.models import OrgOwned


class Runner(OrgOwned):
    """A runner process; `boot_id` tells one start of it from the next."""

    runner_id = models.CharField(max_length=255)
    boot_id = models.UUIDField()
    max_parallel_flows = models.PositiveIntegerField()
    version = models.CharField(max_length=64, blank=True)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "runner_id", "boot_id"], name="runner_once"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "last_seen_at"], name="runner_live")
        ]

    def __str__(self):
        return self.runner_id
