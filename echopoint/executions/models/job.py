"""Jobs of self-hosted runners: each claimed by one, for as long as it is heard of."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from echopoint.organizations.models import OrgOwned


class RunnerJob(OrgOwned):
    """An execution that waits for a runner, or that one has claimed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.OneToOneField(
        "executions.Execution", on_delete=models.CASCADE, related_name="job"
    )
    queued_at = models.DateTimeField(default=timezone.now)
    runner_id = models.CharField(max_length=255, blank=True)
    boot_id = models.UUIDField(null=True)
    claimed_by_key = models.ForeignKey(
        "apikeys.ApiKey", null=True, on_delete=models.PROTECT, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_event_sequence = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(claimed_at=None, lease_expires_at=None, boot_id=None)
                | Q(
                    claimed_at__isnull=False,
                    lease_expires_at__isnull=False,
                    boot_id__isnull=False,
                ),
                name="runner_job_claimed_with_a_lease",
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "queued_at", "id"],
                condition=Q(finished_at=None),
                name="runner_job_queue",
            )
        ]

    def __str__(self):
        return f"job of {self.execution_id}"


class JobEvent(models.Model):
    """What a runner told while a job ran, in its order."""

    job = models.ForeignKey(
        RunnerJob,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index begins with it
        related_name="events",
    )
    sequence = models.PositiveBigIntegerField()
    type = models.CharField(max_length=40)
    payload = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["job", "sequence"], name="job_event_once")
        ]

    def __str__(self):
        return f"{self.sequence} {self.type}"
