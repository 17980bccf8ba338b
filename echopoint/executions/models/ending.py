"""Ends of executions that no runner reports: deadline, cancellation, deleted flow."""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from echopoint.executions.callers import Nobody
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ExecutionConflict

ABANDONED = "EXECUTION_ABANDONED"
LOST = "RUNNER_LOST"
NOT_CLAIMED = "QUEUE_TIMEOUT"
CANCELLED = "CANCELLED"
FLOW_DELETED = "FLOW_DELETED"
MILLISECOND = timedelta(milliseconds=1)
LEASES = 5  # in which a job that was lost may be claimed again
MOST_AT_ONCE = 100  # executions that one read ends


def ephemeral_deadline(at, timeout_seconds):
    """Return when an ephemeral execution counts as abandoned.

    Its launcher may run it for `timeout_seconds`, and publish within the grace.
    """
    grace = settings.EXECUTION_GRACE_SECONDS
    return at + timedelta(seconds=timeout_seconds + grace)


def queue_deadline(at):
    """Return until when a runner has to claim a job."""
    return at + timedelta(seconds=settings.QUEUE_TIMEOUT_SECONDS)


def lost_before(at):
    """Return the time before which a lease must have ended for its job to be lost.

    Until then a late heartbeat can renew the lease, or another runner claim the job.
    """
    return at - LEASES * timedelta(seconds=settings.RUNNER_LEASE_SECONDS)


def unreported(status, code, message, *, began, at):
    """Return a `Completion` with no result, for an end that no runner reports."""
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


class Ending(models.Model):
    """How an execution ends when no runner reports a result."""

    class Meta:
        abstract = True

    @transaction.atomic
    def expire(self, at):
        """Let the execution fail when it is past its deadline; return whether it did.

        A job that a runner holds goes on: its lease says how long.
        """
        execution, job = self.locked_with_job()
        if not execution.is_overdue(at) or (job and job.is_held(lost_before(at))):
            return False
        if job and job.claimed_at:
            code = LOST
            message = (
                "The runner that had claimed this fell silent, and no other claimed it in"
                " time. See what stops your runners, and launch the flow again."
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
                "No runner claimed this in time. Start a runner of yours, and launch the"
                " flow again."
            )
        execution.close("failed", code, message, by=Nobody(), at=at, job=job)
        return True

    expire.alters_data = True

    @transaction.atomic
    def cancel(self, *, by, at=None, code=CANCELLED, message=""):
        """Let the execution end as cancelled; return it. Cancelled twice is once.

        Whatever runs it goes on until it publishes, which is refused. Raise
        `ExecutionConflict` for an execution that has ended otherwise.
        """
        execution, job = self.locked_with_job()
        if execution.status == self.Status.CANCELLED:
            return execution
        if execution.has_ended:
            raise ExecutionConflict(
                f"This execution has {execution.status} already.",
                metadata={"status": execution.status},
            )
        message = message or f"Cancelled by {by.label}."
        at = at or timezone.now()
        execution.close("cancelled", code, message, by=by, at=at, job=job)
        return execution

    cancel.alters_data = True

    def is_overdue(self, at):
        """Whether the execution should have ended by now, and has not."""
        is_late = self.deadline_at is not None and self.deadline_at <= at
        return is_late and not self.has_ended

    def close(self, status, code, message, *, by, at, job=None):
        """Write an end with no result; the rows must be locked."""
        began = self.execution_started_at or self.started_at
        self.end(unreported(status, code, message, began=began, at=at), by=by, at=at)
        if job and job.finished_at is None:
            job.finish(at)

    close.alters_data = True
