"""The execution: a launched flow with its inputs and its result."""

import uuid

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from echopoint.api.quotas import QuotaCounted, byte_size
from echopoint.core.locks import for_change
from echopoint.environments.encrypted_text import EncryptedTextField
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.models.inputs import ExecutionInputs
from echopoint.executions.models.job import RunnerJob
from echopoint.executions.models.manager import ExecutionManager
from echopoint.executions.models.node_result import ERROR_CODE_LENGTH
from echopoint.executions.models.termination import (
    Termination,
    ephemeral_deadline,
    queue_deadline,
)
from echopoint.flows.models import Flow
from echopoint.organizations.models import OrgOwned

MAX_MESSAGE_LENGTH = 100_000  # characters


def truncate(text, length):
    """Return the text with at most so many characters, the last one an ellipsis if cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


class Execution(ExecutionInputs, Termination, QuotaCounted, OrgOwned):
    """One launch of a flow, with a snapshot of the flow at that time."""

    measured_fields = (
        *("flow_snapshot", "referenced_flows", "runner_inputs"),
        *("result", "error_message"),
    )

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class RunnerType(models.TextChoices):
        SELF_HOSTED = "self_hosted", "Self-hosted"
        EPHEMERAL = "ephemeral", "Ephemeral"

    class TriggerType(models.TextChoices):
        MANUAL = "manual", "Manual"
        GIT = "git", "Git"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # An execution outlives its flow, and must still show the id of the deleted flow:
    # hence no constraint, and no cascade.
    flow = models.ForeignKey(
        Flow,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="executions",
    )
    flow_name = models.CharField(max_length=255)
    flow_snapshot = models.JSONField()
    referenced_flows = models.JSONField(default=dict)
    # Secret values are `***` here. They are encrypted in `sealed_inputs`, which the end
    # of the execution deletes.
    runner_inputs = models.JSONField(default=dict)
    secret_input_keys = models.JSONField(default=list)
    sealed_inputs = EncryptedTextField(null=True)
    runner_type = models.CharField(max_length=20, choices=RunnerType.choices)
    environment_key = models.CharField(max_length=255, blank=True)
    trigger_type = models.CharField(max_length=20, choices=TriggerType.choices)
    trigger_metadata = models.JSONField()
    idempotency_digest = models.CharField(max_length=64, blank=True, editable=False)
    idempotency_fingerprint = models.CharField(
        max_length=64, blank=True, editable=False
    )
    launched_by_key = models.ForeignKey(
        "apikeys.ApiKey", null=True, on_delete=models.PROTECT, related_name="+"
    )
    launched_by = models.ForeignKey(
        "organizations.User", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    launched_by_label = models.CharField(max_length=255)
    completed_by_key = models.ForeignKey(
        "apikeys.ApiKey",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    completed_by_label = models.CharField(max_length=255, blank=True)
    completion_digest = models.CharField(max_length=64, blank=True, editable=False)
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.PENDING
    )
    result = models.JSONField(null=True)
    error_message = models.TextField(blank=True)
    error_code = models.CharField(max_length=100, blank=True)
    executed_by = models.CharField(max_length=255, blank=True)
    executor_boot_id = models.UUIDField(null=True)
    executor_version = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    execution_started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    # For ephemeral executions: how long the launcher may run it, and when it counts as
    # abandoned. For jobs, the deadline is that of the first claim.
    timeout_seconds = models.PositiveIntegerField(null=True)
    deadline_at = models.DateTimeField(null=True)
    # `execution_started_at` and `completed_at` are by the runner's clock; this is ours.
    published_at = models.DateTimeField(null=True)
    # Measured by the runner.
    duration_ms = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExecutionManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "flow", "idempotency_digest"],
                condition=~Q(idempotency_digest=""),
                name="execution_launched_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running"], completed_at=None)
                | Q(
                    status__in=["completed", "failed", "cancelled"],
                    completed_at__isnull=False,
                    sealed_inputs=None,
                ),
                name="execution_ended_without_secrets",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-started_at", "-id"], name="execution_list"
            ),
            # Filters of the list. Its order would be walked to its end for a status or a
            # trigger that few executions have, or none.
            models.Index(
                fields=["organization", "status", "-started_at", "-id"],
                name="execution_by_status",
            ),
            models.Index(
                fields=["organization", "trigger_type", "-started_at", "-id"],
                name="execution_by_trigger",
            ),
            models.Index(
                fields=["organization", "flow", "status", "-started_at", "-id"],
                name="execution_of_flow_by_status",
            ),
            models.Index(
                fields=["organization", "stored_bytes"], name="execution_bytes"
            ),
            models.Index(
                fields=["flow", "-started_at", "-id"], name="execution_of_flow"
            ),
            models.Index(
                fields=["organization", "deadline_at"],
                condition=Q(completed_at=None),
                name="execution_overdue",
            ),
            models.Index(
                fields=["completed_by_key", "-published_at"],
                condition=Q(completed_by_key__isnull=False),
                name="execution_completed_by",
            ),
        ]

    def __str__(self):
        return f"{self.flow_name} at {self.started_at:%Y-%m-%d %H:%M:%S}"

    def measure(self):
        # The result is stored twice: here, and by node in the node results.
        return super().measure() + byte_size(self.result)

    def lock_with_job(self):
        """Lock the job, if there is one, then the execution; return (execution, job).

        In this order, as everywhere: a runner that completes its job locks the job first,
        and would deadlock with a cancellation that locks the execution first.
        """
        job = for_change(RunnerJob.objects.filter(execution=self.pk)).first()
        execution = for_change(type(self).objects).get(pk=self.pk)
        if job:
            job.execution = execution
        return execution, job

    @property
    def has_ended(self):
        return self.completed_at is not None

    def begin(self, at):
        """Set the launch time. An ephemeral execution runs from now, a job from its claim."""
        self.created_at = self.started_at = at
        self.deadline_at = queue_deadline(at)
        if self.runner_type == self.RunnerType.EPHEMERAL:
            self.status = self.Status.RUNNING
            self.execution_started_at = at
            self.deadline_at = ephemeral_deadline(at, self.timeout_seconds)

    begin.alters_data = True

    def queue(self):
        """Enqueue a job if the execution is for self-hosted runners."""
        if self.runner_type == self.RunnerType.SELF_HOSTED:
            RunnerJob.objects.enqueue(self)

    queue.alters_data = True

    def was_launched_by(self, caller):
        """Whether this key or this user launched the execution."""
        if caller.key:
            return self.launched_by_key_id == caller.key.pk
        return self.launched_by_id == caller.user.pk

    @transaction.atomic
    def complete(self, completion: Completion, *, by, at=None):
        """End the execution with a published result; return the locked row.

        Repeating the same completion changes nothing; a different one raises
        `ExecutionConflict`. Secrets are masked before anything is stored.
        """
        execution = for_change(type(self).objects).get(pk=self.pk)
        if execution.has_ended:
            execution.require_same(completion)
            return execution
        execution.end(completion, by=by, at=at or timezone.now())
        return execution

    complete.alters_data = True

    def require_same(self, completion):
        """Raise `ExecutionConflict` unless this is the completion that was stored."""
        if completion.digest != self.completion_digest:
            raise ExecutionConflict(
                f"This execution has already {self.status}, with another result. Launch"
                " the flow again for a new one.",
                metadata={"status": self.status},
            )

    def end(self, completion, *, by, at):
        """Store the end and the node results; the row must be locked."""
        masker = self.masker()
        self.status = completion.status
        self.result = masker.result(completion.result)
        # Masked first, truncated second: the other order could leave half a secret, which
        # the masker does not recognize.
        message = masker.text(completion.error_message)
        self.error_message = truncate(message, MAX_MESSAGE_LENGTH)
        code = masker.code(completion.error_code)
        self.error_code = truncate(code, ERROR_CODE_LENGTH)
        self.execution_started_at = completion.started_at
        self.completed_at = completion.completed_at
        self.published_at = at
        self.duration_ms = completion.duration_ms
        self.completion_digest = completion.digest
        self.completed_by_key = by.key
        self.completed_by_label = by.label
        # Nothing needs the secrets any more. From here on nothing can be masked either, so
        # nothing that a runner sends later is stored.
        self.sealed_inputs = None
        self.save()
        self.node_results.store(self, completion.node_results, masker)
        self.update_flow()

    end.alters_data = True

    def update_flow(self):
        """Update the flow's `last_run_status`, unless the execution was cancelled.

        A cancellation says nothing about the flow.
        """
        if self.status == self.Status.CANCELLED:
            return
        passed = self.status == self.Status.COMPLETED
        # An execution does not edit the flow, so updated_at must not change.
        Flow.objects.for_org(self.organization_id).filter(pk=self.flow_id).update(
            last_run_status="passed" if passed else "failed", updated_at=F("updated_at")
        )

    update_flow.alters_data = True
