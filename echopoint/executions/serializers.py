"""Executions on the wire: launches, their results, and how they read later."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.api.fields import Choice, Integer, Object, Text, TextOrNull
from echopoint.api.truncation import MAX_PATH_LENGTH, MAX_TRUNCATED_FIELDS
from echopoint.executions.completion import MAX_AMOUNT
from echopoint.executions.models import Execution, NodeResult

MAX_NODES = 1000
TERMINAL = ("completed", "failed")


@extend_schema_field({"$ref": "#/components/schemas/TriggerMetadata"})
class TriggerMetadata(Object):
    """The metadata of a trigger; its kind is chosen by `trigger_type`."""


@extend_schema_field({"$ref": "#/components/schemas/FlowDefinition"})
class Snapshot(serializers.JSONField):
    """The definition as it was launched."""


@extend_schema_field({"$ref": "#/components/schemas/RunnerInputs"})
class RunnerInputs(serializers.DictField):
    """The values that variables had; secrets read `***`."""


@extend_schema_field({"$ref": "#/components/schemas/ReferencedFlows"})
class ReferencedFlows(serializers.DictField):
    """The flows that module nodes call, by id."""


class FlowExecutionSerializer(serializers.Serializer):
    """An execution, as everyone who may see it reads it."""

    id = serializers.UUIDField()
    flow_id = serializers.UUIDField()
    organization_id = serializers.CharField()
    flow_snapshot = Snapshot()
    runner_inputs = RunnerInputs()
    secret_input_keys = serializers.ListField(child=serializers.CharField())
    referenced_flows = ReferencedFlows()
    status = serializers.ChoiceField(choices=Execution.Status.choices)
    runner_type = serializers.ChoiceField(
        choices=["cloud", *Execution.RunnerType.values], allow_null=True
    )
    environment_key = serializers.CharField()
    schedule_run_id = serializers.SerializerMethodField()
    timeout_seconds = serializers.IntegerField(allow_null=True)
    deadline_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    executed_by = TextOrNull()
    executor_boot_id = serializers.UUIDField(allow_null=True)
    executor_version = TextOrNull()
    execution_started_at = serializers.DateTimeField(allow_null=True)
    error_message = TextOrNull()
    error_code = TextOrNull()
    trigger_type = serializers.ChoiceField(choices=["manual", "git", "scheduled"])
    trigger_metadata = TriggerMetadata(allow_null=True)
    launched_by_key_id = serializers.SerializerMethodField()
    completed_by_key_id = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_schedule_run_id(self, execution) -> str | None:
        return None

    def get_launched_by_key_id(self, execution) -> str | None:
        return execution.launched_by_key and execution.launched_by_key.rest_id

    def get_completed_by_key_id(self, execution) -> str | None:
        return execution.completed_by_key and execution.completed_by_key.rest_id


class LaunchedExecutionSerializer(FlowExecutionSerializer):
    """An execution with its secrets: for its launcher, in the answer to the launch."""

    runner_inputs = RunnerInputs(source="resolved_inputs")
    referenced_flows = ReferencedFlows(source="resolved_references")


class FlowExecutionActivitySerializer(serializers.Serializer):
    """An execution among all of the organization's."""

    id = serializers.UUIDField()
    flow_id = serializers.UUIDField()
    flow_name = TextOrNull()
    organization_id = serializers.CharField()
    status = serializers.ChoiceField(choices=Execution.Status.choices)
    trigger_type = serializers.ChoiceField(choices=["manual", "git", "scheduled"])
    runner_type = serializers.ChoiceField(
        choices=["cloud", *Execution.RunnerType.values]
    )
    environment_key = TextOrNull()
    schedule_run_id = serializers.SerializerMethodField()
    started_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    error_message = TextOrNull()
    error_code = TextOrNull()

    def get_schedule_run_id(self, execution) -> str | None:
        return None


class ExecutionQuerySerializer(serializers.Serializer):
    """Which executions to list."""

    status = Choice(choices=Execution.Status.values, required=False)
    trigger_type = Choice(choices=["manual", "git", "scheduled"], required=False)
    flow_id = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)


class Result(Object):
    """What a runner recorded, node by node."""

    def to_internal_value(self, data):
        data = super().to_internal_value(data)
        nodes = data.get("execution_results")
        if nodes is None:
            return data
        if not isinstance(nodes, dict):
            problem = "This must be an object, with a record for each node id."
            raise serializers.ValidationError({"execution_results": [problem]})
        return data | without_excess(nodes)


def without_excess(nodes):
    """Return the fields of a result with the records that can be kept."""
    kept = {id: record for id, record in nodes.items() if is_record(id, record)}
    kept = dict(list(kept.items())[:MAX_NODES])
    if len(kept) == len(nodes):
        return {}
    left = [id for id in nodes if id not in kept]
    short = (
        id if len(id) <= MAX_PATH_LENGTH else "…" for id in left[:MAX_TRUNCATED_FIELDS]
    )
    paths = [f"execution_results.{id}" for id in short]
    return {"execution_results": kept, "truncated": True, "truncated_fields": paths}


def is_record(node_id, record):
    """Whether this is the record of a node, under an id that can be one."""
    return isinstance(record, dict) and len(node_id) <= 255


class EphemeralCompletionRequestSerializer(serializers.Serializer):
    """How a run ended, as its runner saw it."""

    example = {
        "status": "completed",
        "started_at": "2026-01-05T10:00:00Z",
        "completed_at": "2026-01-05T10:00:01Z",
        "duration_ms": 1000,
        "result": {"success": True, "execution_results": {}, "final_outputs": {}},
    }

    status = Choice(choices=TERMINAL)
    started_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField()
    duration_ms = Integer(min_value=0, max_value=MAX_AMOUNT)
    result = Result(required=False, allow_null=True)
    # As long as they like: they are cut once they are without secrets.
    error_message = Text(required=False, allow_null=True, allow_blank=True)
    error_code = Text(required=False, allow_null=True, allow_blank=True)


class NodeExecutionResultSerializer(serializers.Serializer):
    """What one node of an execution gave."""

    id = serializers.UUIDField()
    flow_id = serializers.UUIDField()
    execution_id = serializers.UUIDField()
    node_id = serializers.CharField()
    display_name = serializers.CharField()
    node_type = serializers.CharField()
    result = serializers.DictField(allow_null=True)
    status = serializers.ChoiceField(
        choices=["pending", "running", *NodeResult.Status.values]
    )
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    error_message = TextOrNull()
    error_code = TextOrNull()
    skip_reason = TextOrNull()
    missing_inputs = serializers.SerializerMethodField()
    has_errors = serializers.BooleanField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_missing_inputs(self, node_result) -> list[str] | None:
        told = node_result.result.get("missing_inputs")
        is_list = isinstance(told, list) and all(isinstance(one, str) for one in told)
        return told if is_list else None


class EphemeralCompletionResponseSerializer(serializers.Serializer):
    """The execution that ended, and its nodes."""

    execution = FlowExecutionSerializer()
    nodes = NodeExecutionResultSerializer(many=True)
