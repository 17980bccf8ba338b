"""Ends of executions without a result: deadline, cancellation, deleted flow."""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from echopoint.executions.callers import SystemCaller
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ExecutionConflict

ABANDONED = "EXECUTION_ABANDONED"
LOST = "RUNNER_LOST"
NOT_CLAIMED = "QUEUE_TIMEOUT"
CANCELLED = "CANCELLED"
FLOW_DELETED = "FLOW_DELETED"
MILLISECOND = timedelta(milliseconds=1)
LOST_AFTER_LEASES = 5  # lease times without a heartbeat or another claim
EXPIRE_BATCH = 100  # executions per read request, and per query of `prune`


def ephemeral_deadline(at, timeout_seconds):
    """When an ephemeral execution counts as abandoned.

    Its launcher may run it for `timeout_seconds`. The grace period is for publishing.
    """
    grace = settings.EXECUTION_GRACE_SECONDS
    return at + timedelta(seconds=timeout_seconds + grace)


def queue_deadline(at):
    """Until when a runner has to claim the job."""
    return at + timedelta(seconds=settings.QUEUE_TIMEOUT_SECONDS)


def lost_before(at):
    """A job is lost if its lease expired before this time.

    Not at the expiry itself: until then a late heartbeat can renew the lease, or another
    runner can claim the job.
    """
    return at - LOST_AFTER_LEASES * timedelta(seconds=settings.RUNNER_LEASE_SECONDS)


def completion_without_result(status, code, message, *, began, at):
    """Return a `Completion` for an end that no runner has reported."""
    return Completion.of(
        {
            "status": status,
            "started_at": began,
            "completed_at": at,
            "duration_ms": max(0, (at - began) // MILLISECOND),
            "error_message": message,
            "error_code": code,
        }
    )


class Termination(models.Model):
    """The part of an execution that ends it without a result."""

    class Meta:
        abstract = True

    @transaction.atomic
    def expire(self, at):
        """Fail the execution if it is past its deadline; return whether it did.

        A job that a runner holds is not failed: its lease decides.
        """
        # Checked again under the lock: since the caller's query, a runner may have
        # claimed the job, or published its result.
        execution, job = self.lock_with_job()
        if not execution.is_overdue(at) or (job and job.is_held(lost_before(at))):
            return False
        if job and job.claimed_at:
            code = LOST
            message = (
                "The heartbeats of the runner that had claimed this stopped, and no other"
                " runner claimed it in time. Find out what stops your runners, and launch"
                " the flow again."
            )
        elif execution.runner_type == self.RunnerType.EPHEMERAL:
            code = ABANDONED
            message = (
                "No result was published in time. The process that ran this may have been"
                " killed. Launch the flow again."
            )
        else:
            code = NOT_CLAIMED
            message = (
                "No runner claimed this in time. Start a self-hosted runner, and launch"
                " the flow again."
            )
        execution.terminate("failed", code, message, by=SystemCaller(), at=at, job=job)
        return True

    expire.alters_data = True

    @transaction.atomic
    def cancel(self, *, by, at=None, code=CANCELLED, message=""):
        """Cancel the execution and return it. Cancelling twice changes nothing.

        The runner is not interrupted; its result is refused. Raise `ExecutionConflict`
        if the execution has completed or failed.
        """
        execution, job = self.lock_with_job()
        if execution.status == self.Status.CANCELLED:
            return execution
        if execution.has_ended:
            raise ExecutionConflict(
                f"This execution has already {execution.status}.",
                metadata={"status": execution.status},
            )
        message = message or f"Cancelled by {by.label}."
        at = at or timezone.now()
        execution.terminate("cancelled", code, message, by=by, at=at, job=job)
        return execution

    cancel.alters_data = True

    def is_overdue(self, at):
        """Whether the execution is past its deadline and has not ended."""
        is_late = self.deadline_at is not None and self.deadline_at <= at
        return is_late and not self.has_ended

    def terminate(self, status, code, message, *, by, at, job=None):
        """Store an end without a result; both rows must be locked."""
        began = self.execution_started_at or self.started_at
        end = completion_without_result(status, code, message, began=began, at=at)
        self.end(end, by=by, at=at)
        if job and job.finished_at is None:
            job.finish(at)

    terminate.alters_data = True
