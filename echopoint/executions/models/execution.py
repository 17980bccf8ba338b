"""The execution: what was launched, by whom, with what, and how it ended."""

import json
import uuid

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from echopoint.api.quotas import QuotaCounted, byte_size
from echopoint.core.locks import for_change
from echopoint.environments.sealed import SealedTextField
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.models.ending import (
    Ending,
    ephemeral_deadline,
    queue_deadline,
)
from echopoint.executions.models.job import RunnerJob
from echopoint.executions.models.manager import ExecutionManager
from echopoint.executions.models.node_result import ERROR_CODE_LENGTH
from echopoint.executions.result_masking import Masker
from echopoint.flows.models import Flow
from echopoint.organizations.models import OrgOwned

LONGEST_MESSAGE = 100_000  # characters


def cut(text, most):
    """Return the text with at most so many characters, which end in an ellipsis if cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Execution(Ending, QuotaCounted, OrgOwned):
    """One run of a flow as the flow was when it was launched."""

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
    # An execution stays when its flow is deleted, and goes on naming it.
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
    # Secret values read `***` here; they are in `sealed_inputs` until the end.
    runner_inputs = models.JSONField(default=dict)
    secret_input_keys = models.JSONField(default=list)
    sealed_inputs = SealedTextField(null=True)
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
    # How long an ephemeral run may take, and after what it counts as abandoned; of a job,
    # until when a runner has to claim it.
    timeout_seconds = models.PositiveIntegerField(null=True)
    deadline_at = models.DateTimeField(null=True)
    # The two times above are the runner's own; this is when it told us.
    published_at = models.DateTimeField(null=True)
    # As the runner measured it, in milliseconds.
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
        # The rows of the nodes hold what is in the result.
        return super().measure() + byte_size(self.result)

    def locked_with_job(self):
        """Lock the job, if there is one, then the execution; return (execution, job)."""
        job = for_change(RunnerJob.objects.filter(execution=self.pk)).first()
        execution = for_change(type(self).objects).get(pk=self.pk)
        if job:
            job.execution = execution
        return execution, job

    @property
    def has_ended(self):
        """Whether the status is a last one."""
        return self.completed_at is not None

    def begin(self, at):
        """Write the launch's moment; an ephemeral run begins with it, a job when claimed."""
        self.created_at = self.started_at = at
        self.deadline_at = queue_deadline(at)
        if self.runner_type == self.RunnerType.EPHEMERAL:
            self.status = self.Status.RUNNING
            self.execution_started_at = at
            self.deadline_at = ephemeral_deadline(at, self.timeout_seconds)

    begin.alters_data = True

    def queue(self):
        """Let self-hosted runners claim the execution, if it is meant for them."""
        if self.runner_type == self.RunnerType.SELF_HOSTED:
            RunnerJob.objects.enqueue(self)

    queue.alters_data = True

    def was_launched_by(self, caller):
        """Whether this key, or this person, launched the execution."""
        if caller.key:
            return self.launched_by_key_id == caller.key.pk
        return self.launched_by_id == caller.user.pk

    def sealed(self):
        """Return the secrets, {"inputs": {…}, "referenced_flows": {flow id: {…}}}.

        Empty once the execution has ended. Never log them.
        """
        if self.sealed_inputs is None:
            return {"inputs": {}, "referenced_flows": {}}
        return json.loads(self.sealed_inputs.reveal())

    def resolved_inputs(self):
        """Return the inputs with their secrets, for the launcher or the runner alone."""
        return self.runner_inputs | self.sealed()["inputs"]

    def resolved_references(self):
        """Return the referenced flows with the secrets among their inputs."""
        secrets = self.sealed()["referenced_flows"]
        return {
            flow: reference
            | {"input_overrides": reference["input_overrides"] | secrets.get(flow, {})}
            for flow, reference in self.referenced_flows.items()
        }

    def masker(self):
        """Return what takes this execution's secrets out of a text or a JSON value."""
        sealed = self.sealed()
        layers = [sealed["inputs"], *sealed["referenced_flows"].values()]
        return Masker(value for layer in layers for value in layer.values())

    @transaction.atomic
    def complete(self, completion: Completion, *, by, at=None):
        """Let the execution end with what a runner publishes; return it, locked.

        The same completion again changes nothing; another one raises
        `ExecutionConflict`. Secrets are taken out of what is kept.
        """
        execution = for_change(type(self).objects).get(pk=self.pk)
        if execution.has_ended:
            execution.require_same(completion)
            return execution
        execution.end(completion, by=by, at=at or timezone.now())
        return execution

    complete.alters_data = True

    def require_same(self, completion):
        """Raise `ExecutionConflict` unless this completion is the one that was taken."""
        if completion.digest != self.completion_digest:
            raise ExecutionConflict(
                f"This execution has {self.status} already, with another result. Launch"
                " the flow again for a new one.",
                metadata={"status": self.status},
            )

    def end(self, completion, *, by, at):
        """Write the end and the nodes' results; the row must be locked."""
        masker = self.masker()
        self.status = completion.status
        self.result = masker.result(completion.result)
        self.error_message = cut(masker.text(completion.error_message), LONGEST_MESSAGE)
        self.error_code = cut(masker.code(completion.error_code), ERROR_CODE_LENGTH)
        self.execution_started_at = completion.started_at
        self.completed_at = completion.completed_at
        self.published_at = at
        self.duration_ms = completion.duration_ms
        self.completion_digest = completion.digest
        self.completed_by_key = by.key
        self.completed_by_label = by.label
        self.sealed_inputs = None
        self.save()
        self.node_results.keep(self, completion.node_results, masker)
        self.tell_flow()

    end.alters_data = True

    def tell_flow(self):
        """Let the flow show how its latest execution to end went.

        One that was cancelled says nothing of the flow.
        """
        if self.status == self.Status.CANCELLED:
            return
        passed = self.status == self.Status.COMPLETED
        Flow.objects.for_org(self.organization_id).filter(pk=self.flow_id).update(
            last_run_status="passed" if passed else "failed", updated_at=F("updated_at")
        )

    tell_flow.alters_data = True
