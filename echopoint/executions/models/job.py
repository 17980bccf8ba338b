"""Jobs of self-hosted runners: each claimed by one, for as long as it is heard of."""

import uuid
from itertools import count
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from echopoint.api.quotas import QuotaCounted, byte_size
from echopoint.core.locks import for_change
from echopoint.executions.callers import Nobody
from echopoint.executions.completion import Completion, moment
from echopoint.executions.exceptions import UNREADABLE, ExecutionConflict
from echopoint.executions.jobs.events import masked_payload
from echopoint.executions.jobs.queue import (
    MAX_ATTEMPTS,
    RunnerJobManager,
    lease_from,
)
from echopoint.executions.jobs.reported_result import with_events
from echopoint.executions.models.ending import LOST, unreported
from echopoint.flow_language.events import FLOW_STARTED
from echopoint.organizations.models import OrgOwned

MOST_EVENT_BYTES = 64_000_000  # per job; later events are stored without their payload
CUT = {"truncated": True}


class Holder(NamedTuple):
    """One start of a runner, as it names itself."""

    runner_id: str
    boot_id: uuid.UUID


class RunnerJob(QuotaCounted, OrgOwned):
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

    objects = RunnerJobManager()

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
            ),
            models.Index(
                fields=["organization", "stored_bytes"], name="runner_job_bytes"
            ),
            models.Index(
                fields=["organization", "runner_id", "boot_id"],
                condition=Q(finished_at=None, lease_expires_at__isnull=False),
                name="runner_job_held",
            ),
        ]

    def __str__(self):
        return f"job of {self.execution_id}"

    def measure(self):
        # Of its events, which are added as they come.
        return self.stored_bytes

    def locked(self):
        """Return the job as it is now, for a change; others wait for its end."""
        return for_change(type(self).objects).get(pk=self.pk)

    def is_held(self, at):
        """Whether a runner works on the job, as far as is known."""
        is_leased = self.lease_expires_at is not None and self.lease_expires_at > at
        return is_leased and self.finished_at is None

    def require_held_by(self, holder):
        """Raise `ExecutionConflict` unless this start of this runner has the job."""
        if self.boot_id is None:
            raise ExecutionConflict(
                "Nobody has claimed this job. Claim jobs with POST /runner/jobs/next."
            )
        if Holder(self.runner_id, self.boot_id) != holder:
            raise ExecutionConflict(
                "This job is another's: it was claimed by another runner, or by another"
                " start of this one, and a lease that runs out is not given back. Drop"
                " the job, and claim the next."
            )

    def start(self, runner, *, key, at):
        """Hand the job to a runner; the row must be locked.

        What a lost runner told of it is dropped: the events begin anew.
        """
        self.events.all().delete()
        self.runner_id = runner.runner_id
        self.boot_id = runner.boot_id
        self.claimed_by_key = key
        self.claimed_at = at
        self.lease_expires_at = lease_from(at)
        self.attempts += 1
        self.last_event_sequence = self.stored_bytes = 0
        self.save()
        self.tell_execution(
            status=self.execution.Status.RUNNING,
            executed_by=runner.runner_id,
            executor_boot_id=runner.boot_id,
            executor_version=runner.version,
            execution_started_at=None,
        )

    start.alters_data = True

    def tell_execution(self, **values):
        """Write into the execution, which has not ended; the job's row must be locked."""
        for name, value in values.items():
            setattr(self.execution, name, value)
        self.execution.save(update_fields=[*values, "updated_at"])

    tell_execution.alters_data = True

    @transaction.atomic
    def tell(self, events, *, holder, at=None) -> int:
        """Keep what the runner tells, in its order; return the last sequence kept.

        `events` are {sequence, type, payload} by ascending sequence. What is kept
        already is passed by, and nothing is kept that comes after a gap. Raise
        `ExecutionConflict` for another's job, or for news of one that has ended.
        """
        job = self.locked()
        job.require_held_by(holder)
        if news := job.continuation(events):
            job.require_running()
            job.keep(news, at or timezone.now())
        return job.last_event_sequence

    tell.alters_data = True

    def continuation(self, events):
        """Return those events that follow on what is kept, up to the first gap."""
        news = [one for one in events if one["sequence"] > self.last_event_sequence]
        due = count(self.last_event_sequence + 1)
        gap = next(
            (n for n, one in enumerate(news) if one["sequence"] != next(due)), None
        )
        return news[:gap]

    def require_running(self):
        """Raise `ExecutionConflict` for a job that has ended: its secrets are gone.

        What is told then could not be masked any more.
        """
        if self.execution.has_ended:
            raise ExecutionConflict(
                "This job has ended; nothing more can be told of it. Send events before"
                " the completion."
            )

    def keep(self, news, at):
        """Write events that continue those that are there; the row must be locked."""
        masker = self.execution.masker()
        room = self.stored_bytes < MOST_EVENT_BYTES
        self.events.bulk_create(
            JobEvent(
                job=self,
                sequence=event["sequence"],
                type=event["type"],
                payload=masked_payload(event["payload"], masker) if room else CUT,
                received_at=at,
            )
            for event in news
        )
        self.last_event_sequence = news[-1]["sequence"]
        if room:
            self.stored_bytes += sum(byte_size(event["payload"]) for event in news)
        self.save(update_fields=["last_event_sequence", "stored_bytes"])
        for event in news:
            if event["type"] == FLOW_STARTED:
                began = moment(event["payload"].get("timestamp")) or at
                self.tell_execution(execution_started_at=began)

    keep.alters_data = True

    @transaction.atomic
    def complete(self, completion: Completion, *, holder, by, version="", at=None):
        """Let the execution end with what the runner publishes.

        The same completion again changes nothing. Raise `ExecutionConflict` for another
        one, and for a job that is another's by now.
        """
        at = at or timezone.now()
        job = self.locked()
        job.require_held_by(holder)
        completion = with_events(completion, job.events.all())
        job.execution = job.execution.complete(completion, by=by, at=at)
        if job.finished_at is None:
            if version:
                job.tell_execution(executor_version=version)
            job.finish(at)

    complete.alters_data = True

    @transaction.atomic
    def end_unreadable(self, reason, *, holder, by, at=None):
        """Fail the execution, because the runner sent a completion that cannot be read.

        Without this, the next runner would claim the job and run it again, in vain.
        `holder` is None if the body does not even name the runner. Then the caller's key
        must be the one that claimed the job, and the job must have been claimed once.
        Return the previous status if the job had ended already, else None. Raise
        `ExecutionConflict` for a job of another holder.
        """
        at = at or timezone.now()
        job = self.locked()
        if holder:
            job.require_held_by(holder)
        elif job.attempts != 1 or job.claimed_by_key != by.key:
            raise ExecutionConflict(
                "The body does not say which runner sent it, and this job may be"
                " another's: nothing was changed."
            )
        if job.execution.has_ended:
            return job.execution.status
        began = job.execution.execution_started_at or job.claimed_at
        message = f"The runner ended this with a result that cannot be read. {reason}"
        failed = unreported("failed", UNREADABLE, message, began=began, at=at)
        job.execution.complete(with_events(failed, job.events.all()), by=by, at=at)
        job.finish(at)
        return None

    end_unreadable.alters_data = True

    def finish(self, at):
        """Take the job out of the queue; the row must be locked."""
        self.finished_at = at
        self.save(update_fields=["finished_at"])

    finish.alters_data = True

    def give_up(self, at):
        """Let the execution fail, its runners having been lost; the row must be locked."""
        began = self.execution.execution_started_at or self.claimed_at
        message = (
            f"Runners claimed this execution {MAX_ATTEMPTS} times and fell silent each"
            " time. See what stops them, and launch the flow again."
        )
        lost = unreported("failed", LOST, message, began=began, at=at)
        self.execution.complete(lost, by=Nobody(), at=at)
        self.finish(at)

    give_up.alters_data = True


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
