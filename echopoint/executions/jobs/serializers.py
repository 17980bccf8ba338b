"""Jobs on the wire: what runners ask, are given and tell."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.api.fields import Choice, Integer, MachineName, Object, Uuid
from echopoint.executions.models.job import Holder
from echopoint.executions.serializers import (
    EphemeralCompletionRequestSerializer,
    ReferencedFlows,
    RunnerInputs,
    Snapshot,
)
from echopoint.flow_language.events import EVENT_TYPES

INT32 = 2**31 - 1
INT64 = 2**63 - 1
MAX_EVENTS = 100_000  # of one job


class HolderSerializer(serializers.Serializer):
    """A body that says which start of which runner speaks, as `holder`."""

    example = {
        "runner_id": "runner-1",
        "boot_id": "0b7d3c52-9f1e-4a86-b2c4-6d5e8f901a23",
    }

    runner_id = MachineName(max_length=255)
    boot_id = Uuid()

    def validate(self, values):
        values["holder"] = Holder(values.pop("runner_id"), values.pop("boot_id"))
        return values


class RunnerJobNextRequestSerializer(HolderSerializer):
    """A runner with room for another job."""

    example = HolderSerializer.example | {"max_parallel_flows": 2}

    max_parallel_flows = Integer(min_value=1, max_value=INT32)


@extend_schema_field({"$ref": "#/components/schemas/SecretInputKeys"})
class SecretInputKeys(serializers.ListField):
    """The names of the inputs that are secrets."""


class RunnerJobPayloadSerializer(serializers.Serializer):
    """A claimed job, with all that its runner needs; secrets are in clear."""

    job_id = serializers.UUIDField(source="pk")
    execution_id = serializers.UUIDField()
    flow_id = serializers.UUIDField(source="execution.flow_id")
    lease_expires_at = serializers.DateTimeField()
    flow_definition = Snapshot(source="execution.flow_snapshot")
    inputs = RunnerInputs(source="execution.resolved_inputs")
    secret_input_keys = SecretInputKeys(source="execution.secret_input_keys")
    referenced_flows = ReferencedFlows(source="execution.resolved_references")


class RunnerJobHeartbeatRequestSerializer(RunnerJobNextRequestSerializer):
    """A runner that is alive, and the jobs it is at."""

    example = RunnerJobNextRequestSerializer.example | {
        "job_ids": ["8f2e7d1c-5b6a-4c3d-9e0f-1a2b3c4d5e6f"]
    }

    runner_version = MachineName(required=False, allow_blank=True, max_length=64)
    job_ids = serializers.ListField(child=Uuid(), max_length=100)

    def validate_job_ids(self, ids):
        if len(set(ids)) < len(ids):
            raise serializers.ValidationError("Name each job once.")
        return ids


class RunnerJobHeartbeatResultSerializer(serializers.Serializer):
    """Whether the runner still has a job, and until when."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["renewed", "rejected"])
    lease_expires_at = serializers.DateTimeField(allow_null=True)


@extend_schema_field({"$ref": "#/components/schemas/RunnerJobProgressEventPayload"})
class Payload(Object):
    """What an event says; by its type the fields are known, and there may be more."""


class RunnerJobProgressEventSerializer(serializers.Serializer):
    """Something that happened while a job ran."""

    sequence = Integer(
        min_value=1,
        max_value=MAX_EVENTS,
        error_messages={
            "max_value": f"A job has {MAX_EVENTS} events at most; leave the rest out."
        },
    )
    type = Choice(choices=EVENT_TYPES)
    payload = Payload()


class RunnerJobEventsRequestSerializer(HolderSerializer):
    """What happened since, in its order."""

    example = HolderSerializer.example | {
        "events": [
            {
                "sequence": 1,
                "type": "node.started",
                "payload": {
                    "nodeId": "home",
                    "displayName": "Home page",
                    "nodeType": "request",
                    "timestamp": "2026-01-05T10:00:00Z",
                },
            }
        ]
    }

    events = RunnerJobProgressEventSerializer(many=True, min_length=1, max_length=100)

    def validate_events(self, events):
        sequences = [event["sequence"] for event in events]
        # Equal ones would be two different stories of one moment.
        if any(b <= a for a, b in zip(sequences, sequences[1:], strict=False)):
            raise serializers.ValidationError(
                "Send events in the order of their sequence, each once."
            )
        return events


class RunnerJobEventsResponseSerializer(serializers.Serializer):
    """The last event that is kept; send those that follow it."""

    last_accepted_sequence = serializers.IntegerField(min_value=0)


class RunnerJobCompletionRequestSerializer(
    HolderSerializer, EphemeralCompletionRequestSerializer
):
    """How a job ended, as its runner saw it."""

    example = HolderSerializer.example | EphemeralCompletionRequestSerializer.example

    runner_version = MachineName(required=False, allow_blank=True, max_length=64)
    # An end is not refused for events that were lost on the way: the result says it all.
    last_event_sequence = Integer(
        required=False, allow_null=True, min_value=0, max_value=INT64
    )


class LiveRunnerJobSerializer(serializers.Serializer):
    """A job that a runner is at."""

    job_id = serializers.UUIDField(source="pk")
    execution_id = serializers.UUIDField()
    claimed_at = serializers.DateTimeField(allow_null=True)
    lease_expires_at = serializers.DateTimeField(allow_null=True)


class LiveRunnerSerializer(serializers.Serializer):
    """A runner that was heard of in the last minute."""

    runner_id = serializers.CharField()
    boot_id = serializers.UUIDField()
    max_parallel_flows = serializers.IntegerField(min_value=1)
    active_job_count = serializers.SerializerMethodField()
    active_jobs = LiveRunnerJobSerializer(many=True)
    last_seen_at = serializers.DateTimeField()

    def get_active_job_count(self, runner) -> int:
        return len(runner.active_jobs)


class LiveRunnerListResponseSerializer(serializers.Serializer):
    """All runners that are alive."""

    items = LiveRunnerSerializer(many=True)
