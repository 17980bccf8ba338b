"""The result of one node of an execution."""

import uuid

from django.db import models
from django.utils import timezone

NODE_TYPE_LENGTH = 40
ERROR_CODE_LENGTH = 100


class NodeResultManager(models.Manager):
    """Stores the node results that runners publish."""

    def store(self, execution, outcomes, masker):
        """Insert the outcomes of an execution's nodes, in this order."""
        nodes = {node["id"]: node for node in execution.flow_snapshot["nodes"]}
        self.bulk_create(
            self.model(
                execution=execution,
                position=position,
                **self.columns_of(outcome, nodes.get(outcome.node_id, {}), masker),
            )
            for position, outcome in enumerate(outcomes)
        )

    store.alters_data = True

    def columns_of(self, outcome, node, masker):
        """Return the columns of an outcome; missing ones come from the flow's node."""
        # Masked before anything is read from it: a runner may send an object where a
        # text is expected, and str() of it would store the secrets in the object.
        result = masker.record(outcome.result)
        node_type = result.get("node_type") or node.get("type", "")
        default_name = masker.text(node.get("display_name", outcome.node_id))
        return {
            "node_id": outcome.node_id,
            "display_name": str(result.get("display_name") or default_name),
            "node_type": str(node_type)[:NODE_TYPE_LENGTH],
            "status": outcome.status,
            "result": result,
            "started_at": outcome.started_at,
            "completed_at": outcome.completed_at,
            "duration_ms": outcome.duration_ms,
            "error_message": str(result.get("error_message") or ""),
            "error_code": str(result.get("error_code") or "")[:ERROR_CODE_LENGTH],
            "skip_reason": str(result.get("skip_reason") or ""),
        }


class NodeResult(models.Model):
    """The outcome of a node, with the result that the runner recorded."""

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
        return self.execution.flow_id

    @property
    def has_errors(self):
        """Whether the node failed; None if it was skipped."""
        if self.status == self.Status.SKIPPED:
            return None
        return self.status == self.Status.FAILED
