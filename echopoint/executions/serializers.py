"""Serializers of executions, completions and node results."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.api.fields import Choice, Integer, Object, Text, TextOrNull
from echopoint.api.truncation import MAX_PATH_LENGTH, MAX_TRUNCATED_FIELDS
from echopoint.executions.completion import MAX_DURATION_MS
from echopoint.executions.models import Execution, NodeResult

MAX_NODES = 1000
TERMINAL = ("completed", "failed")


@extend_schema_field({"$ref": "#/components/schemas/TriggerMetadata"})
class TriggerMetadata(Object):
    """The metadata of a trigger. `trigger_type` determines its fields."""


@extend_schema_field({"$ref": "#/components/schemas/FlowDefinition"})
class Snapshot(serializers.JSONField):
    """The flow definition at the time of the launch."""


@extend_schema_field({"$ref": "#/components/schemas/RunnerInputs"})
class RunnerInputs(serializers.DictField):
    """The values of variables at the time of the launch; secrets are `***`."""


@extend_schema_field({"$ref": "#/components/schemas/ReferencedFlows"})
class ReferencedFlows(serializers.DictField):
    """The flows that module nodes call, by flow id."""


class FlowExecutionSerializer(serializers.Serializer):
    """An execution. Secrets are `***`."""

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
    """An execution with its secrets, for the launcher only."""

    runner_inputs = RunnerInputs(source="resolved_inputs")
    referenced_flows = ReferencedFlows(source="resolved_referenced_flows")


class FlowExecutionActivitySerializer(serializers.Serializer):
    """An execution in the list of the organization."""

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
    """The filters of the list of executions."""

    status = Choice(choices=Execution.Status.values, required=False)
    trigger_type = Choice(choices=["manual", "git", "scheduled"], required=False)
    flow_id = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)


class Result(Object):
    """A result with node results by node id."""

    def to_internal_value(self, data):
        data = super().to_internal_value(data)
        nodes = data.get("execution_results")
        if nodes is None:
            return data
        if not isinstance(nodes, dict):
            problem = "This must be an object that maps node ids to node results."
            raise serializers.ValidationError({"execution_results": [problem]})
        return data | limit_nodes(nodes)


def limit_nodes(nodes):
    """Return the fields of a result that change when excess nodes are left out.

    A result is never refused for its size: the run cannot be repeated.
    """
    valid = {id: node for id, node in nodes.items() if is_node_result(id, node)}
    stored = dict(list(valid.items())[:MAX_NODES])
    if len(stored) == len(nodes):
        return {}
    omitted = [id for id in nodes if id not in stored]
    names = (
        id if len(id) <= MAX_PATH_LENGTH else "…"
        for id in omitted[:MAX_TRUNCATED_FIELDS]
    )
    paths = [f"execution_results.{name}" for name in names]
    return {"execution_results": stored, "truncated": True, "truncated_fields": paths}


def is_node_result(node_id, value):
    return isinstance(value, dict) and len(node_id) <= 255


class EphemeralCompletionRequestSerializer(serializers.Serializer):
    """The result of an execution."""

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
    duration_ms = Integer(min_value=0, max_value=MAX_DURATION_MS)
    result = Result(required=False, allow_null=True)
    # No maximum length: they are truncated after masking, because half a secret would not
    # be recognized.
    error_message = Text(required=False, allow_null=True, allow_blank=True)
    error_code = Text(required=False, allow_null=True, allow_blank=True)


class NodeExecutionResultSerializer(serializers.Serializer):
    """The result of one node of an execution."""

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
        names = node_result.result.get("missing_inputs")
        is_list = isinstance(names, list) and all(isinstance(n, str) for n in names)
        return names if is_list else None


class EphemeralCompletionResponseSerializer(serializers.Serializer):
    """The completed execution and its node results."""

    execution = FlowExecutionSerializer()
    nodes = NodeExecutionResultSerializer(many=True)
