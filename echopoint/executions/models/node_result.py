"""What one node of an execution gave."""

import uuid

from django.db import models
from django.utils import timezone


class NodeResultManager(models.Manager):
    """Keeps what runners tell."""

    def keep(self, execution, outcomes, masker):
        """Write the results of an execution's nodes, once, in the order they came in."""
        named = {node["id"]: node for node in execution.flow_snapshot["nodes"]}
        self.bulk_create(
            self.model(
                execution=execution,
                position=position,
                **self.told_by(outcome, named.get(outcome.node_id, {}), masker),
            )
            for position, outcome in enumerate(outcomes)
        )

    keep.alters_data = True

    def told_by(self, outcome, node, masker):
        """Return the columns that a record fills; what it leaves out, the flow knows."""
        # Read from what is masked: a name or a code may be an object that holds a secret.
        record = masker.fields(outcome.record)
        kind = record.get("node_type") or node.get("type", "")
        known = masker.text(node.get("display_name", outcome.node_id))
        return {
            "node_id": outcome.node_id,
            "display_name": str(record.get("display_name") or known),
            "node_type": str(kind)[:NODE_TYPE_LENGTH],
            "status": outcome.status,
            "result": record,
            "started_at": outcome.started_at,
            "completed_at": outcome.completed_at,
            "duration_ms": outcome.duration_ms,
            "error_message": str(record.get("error_message") or ""),
            "error_code": str(record.get("error_code") or "")[:ERROR_CODE_LENGTH],
            "skip_reason": str(record.get("skip_reason") or ""),
        }


NODE_TYPE_LENGTH = 40
ERROR_CODE_LENGTH = 100


class NodeResult(models.Model):
    """The outcome of a node, with the record that the runner made of it."""

    class Status(models.TextChoices):
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(
        "executions.Execution",
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index begins with it
        related_name="node_results",
    )
    position = models.PositiveIntegerField()
    node_id = models.CharField(max_length=255)
    display_name = models.TextField()
    node_type = models.CharField(max_length=NODE_TYPE_LENGTH)
    status = models.CharField(max_length=20, choices=Status.choices)
    result = models.JSONField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveBigIntegerField(null=True)
    error_message = models.TextField(blank=True)
    error_code = models.CharField(max_length=ERROR_CODE_LENGTH, blank=True)
    skip_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = NodeResultManager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "node_id"], name="node_result_once"
            )
        ]

    def __str__(self):
        return f"{self.display_name}: {self.status}"

    @property
    def flow_id(self):
        """Return the id of the flow, for the wire."""
        return self.execution.flow_id

    @property
    def has_errors(self):
        """Whether the node failed; unknown of one that did not run."""
        if self.status == self.Status.SKIPPED:
            return None
        return self.status == self.Status.FAILED
