"""The events that a runner reports while its job runs."""

from itertools import count

from django.db import models, transaction
from django.utils import timezone

from echopoint.api.quotas import byte_size
from echopoint.executions.completion import parse_time
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.jobs.events import mask_payload
from echopoint.flow_language.events import FLOW_STARTED

MAX_EVENT_BYTES = 64_000_000  # per job; later events are stored without their payload
TRUNCATED_PAYLOAD = {"truncated": True}


class JobEventLog(models.Model):
    """The part of a job that stores its events."""

    class Meta:
        abstract = True

    @transaction.atomic
    def store_events(self, events, *, holder, at=None) -> int:
        """Store events of the runner and return the last stored sequence.

        `events` are {sequence, type, payload} by ascending sequence. Known events are
        skipped, so that a runner can repeat a request whose response it did not get.
        Events after a gap are not stored: the runner sends them again after the missing
        ones. Raise `ExecutionConflict` if another runner holds the job or it has ended.
        """
        job = self.lock()
        job.require_held_by(holder)
        if new := job.next_events(events):
            job.require_running()
            job.append_events(new, at or timezone.now())
        return job.last_event_sequence

    store_events.alters_data = True

    def next_events(self, events):
        """Return the events that follow the last stored one, up to the first gap."""
        new = [
            event for event in events if event["sequence"] > self.last_event_sequence
        ]
        expected = count(self.last_event_sequence + 1)
        gap = next(
            (n for n, event in enumerate(new) if event["sequence"] != next(expected)),
            None,
        )
        return new[:gap]

    def require_running(self):
        """Raise `ExecutionConflict` for a job that has ended.

        Its secrets are deleted, so later events could not be masked any more.
        """
        if self.execution.has_ended:
            raise ExecutionConflict(
                "This job has ended and accepts no more events. Send events before the"
                " completion."
            )

    def append_events(self, events, at):
        """Insert events that continue the stored ones; the row must be locked."""
        masker = self.execution.masker()
        has_room = self.stored_bytes < MAX_EVENT_BYTES
        self.events.bulk_create(
            JobEvent(
                job=self,
                sequence=event["sequence"],
                type=event["type"],
                payload=mask_payload(event["payload"], masker)
                if has_room
                else TRUNCATED_PAYLOAD,
                received_at=at,
            )
            for event in events
        )
        self.last_event_sequence = events[-1]["sequence"]
        if has_room:
            self.stored_bytes += sum(byte_size(event["payload"]) for event in events)
        self.save(update_fields=["last_event_sequence", "stored_bytes"])
        for event in events:
            if event["type"] == FLOW_STARTED:
                began = parse_time(event["payload"].get("timestamp")) or at
                self.update_execution(execution_started_at=began)

    append_events.alters_data = True


class JobEvent(models.Model):
    """Progress of a job, as the runner reported it; secrets are masked."""

    job = models.ForeignKey(
        "executions.RunnerJob",
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
