"""Jobs for self-hosted runners. A runner holds a job as long as it sends heartbeats."""

import uuid
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from echopoint.api.quotas import QuotaCounted
from echopoint.core.locks import for_change
from echopoint.executions.callers import SystemCaller
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import UNREADABLE, ExecutionConflict
from echopoint.executions.jobs.queue import MAX_ATTEMPTS, RunnerJobManager, lease_end
from echopoint.executions.jobs.reported_result import with_events
from echopoint.executions.models.job_event import JobEventLog
from echopoint.executions.models.termination import LOST, completion_without_result
from echopoint.organizations.models import OrgOwned


class Holder(NamedTuple):
    """The runner process that a request names."""

    runner_id: str
    boot_id: uuid.UUID


class RunnerJob(JobEventLog, QuotaCounted, OrgOwned):
    """A self-hosted execution in the queue, and its lease once a runner has claimed it."""

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
        # The size of the stored events, which `append_events` adds up.
        return self.stored_bytes

    def lock(self):
        """Lock the row until the transaction ends; return it as it is now.

        Without the lock, a claim could replace the holder between a check of
        `require_held_by` and the write that follows it.
        """
        return for_change(type(self).objects).get(pk=self.pk)

    def is_held(self, at):
        """Whether the lease is valid and the job unfinished."""
        is_leased = self.lease_expires_at is not None and self.lease_expires_at > at
        return is_leased and self.finished_at is None

    def require_held_by(self, holder):
        """Raise `ExecutionConflict` unless this runner process claimed the job last.

        An expired lease is enough: as long as no other runner has claimed the job, a late
        result is better than a second run.
        """
        if self.boot_id is None:
            raise ExecutionConflict(
                "This job is not claimed. Claim jobs with POST /runner/jobs/next."
            )
        if Holder(self.runner_id, self.boot_id) != holder:
            raise ExecutionConflict(
                "Another runner process has claimed this job. Drop the job, and claim the"
                " next one."
            )

    def assign(self, runner, *, key, at):
        """Lease the job to the runner; the row must be locked.

        Deletes the events of a previous attempt: the new runner numbers its own from 1.
        """
        self.events.all().delete()
        self.runner_id = runner.runner_id
        self.boot_id = runner.boot_id
        self.claimed_by_key = key
        self.claimed_at = at
        self.lease_expires_at = lease_end(at)
        self.attempts += 1
        self.last_event_sequence = self.stored_bytes = 0
        self.save()
        self.update_execution(
            status=self.execution.Status.RUNNING,
            executed_by=runner.runner_id,
            executor_boot_id=runner.boot_id,
            executor_version=runner.version,
            execution_started_at=None,
        )

    assign.alters_data = True

    def update_execution(self, **values):
        """Set columns of the execution, which must not have ended.

        The job's row must be locked. Every writer of a queued execution locks the job
        first, so this cannot overwrite a concurrent completion.
        """
        for name, value in values.items():
            setattr(self.execution, name, value)
        self.execution.save(update_fields=[*values, "updated_at"])

    update_execution.alters_data = True

    @transaction.atomic
    def complete(self, completion: Completion, *, holder, by, version="", at=None):
        """End the execution with the result that the runner publishes.

        Repeating the same completion changes nothing. Raise `ExecutionConflict` for a
        different one, or if another runner holds the job.
        """
        at = at or timezone.now()
        job = self.lock()
        job.require_held_by(holder)
        completion = with_events(completion, job.events.all())
        job.execution = job.execution.complete(completion, by=by, at=at)
        if job.finished_at is None:
            if version:
                job.update_execution(executor_version=version)
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
        job = self.lock()
        if holder:
            job.require_held_by(holder)
        elif job.attempts != 1 or job.claimed_by_key != by.key:
            # After a second claim, the body may come from the runner that lost the job.
            # It must not fail the attempt that is in progress.
            raise ExecutionConflict(
                "The body does not name its runner, and another runner may hold this"
                " job. Nothing was changed. Send runner_id and boot_id."
            )
        if job.execution.has_ended:
            return job.execution.status
        began = job.execution.execution_started_at or job.claimed_at
        message = f"The runner published a result that cannot be read. {reason}"
        failed = completion_without_result(
            "failed", UNREADABLE, message, began=began, at=at
        )
        job.execution.complete(with_events(failed, job.events.all()), by=by, at=at)
        job.finish(at)
        return None

    end_unreadable.alters_data = True

    def finish(self, at):
        """Remove the job from the queue; the row must be locked."""
        self.finished_at = at
        self.save(update_fields=["finished_at"])

    finish.alters_data = True

    def fail_lost(self, at):
        """Fail the execution after its last attempt was lost; the row must be locked."""
        began = self.execution.execution_started_at or self.claimed_at
        message = (
            f"Runners claimed this execution {MAX_ATTEMPTS} times, and each time their"
            " heartbeats stopped. Find out what stops them, and launch the flow again."
        )
        lost = completion_without_result("failed", LOST, message, began=began, at=at)
        self.execution.complete(lost, by=SystemCaller(), at=at)
        self.finish(at)

    fail_lost.alters_data = True
