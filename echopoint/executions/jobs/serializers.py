"""Requests and responses of self-hosted runners."""

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
MAX_EVENTS = 100_000  # per job


class HolderSerializer(serializers.Serializer):
    """A body that names the runner process; validated into `holder`."""

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
    """A runner that can run another job."""

    example = HolderSerializer.example | {"max_parallel_flows": 2}

    max_parallel_flows = Integer(min_value=1, max_value=INT32)


@extend_schema_field({"$ref": "#/components/schemas/SecretInputKeys"})
class SecretInputKeys(serializers.ListField):
    """The keys of the secret inputs."""


class RunnerJobPayloadSerializer(serializers.Serializer):
    """A claimed job with its flow and inputs. Contains the values of secrets."""

    job_id = serializers.UUIDField(source="pk")
    execution_id = serializers.UUIDField()
    flow_id = serializers.UUIDField(source="execution.flow_id")
    lease_expires_at = serializers.DateTimeField()
    flow_definition = Snapshot(source="execution.flow_snapshot")
    inputs = RunnerInputs(source="execution.resolved_inputs")
    secret_input_keys = SecretInputKeys(source="execution.secret_input_keys")
    referenced_flows = ReferencedFlows(source="execution.resolved_referenced_flows")


class RunnerJobHeartbeatRequestSerializer(RunnerJobNextRequestSerializer):
    """A runner that is alive, and the jobs that it runs."""

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
    """Whether the runner still holds a job, and until when."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["renewed", "rejected"])
    lease_expires_at = serializers.DateTimeField(allow_null=True)


@extend_schema_field({"$ref": "#/components/schemas/RunnerJobProgressEventPayload"})
class Payload(Object):
    """The payload of an event. Its type determines the fields; others are allowed."""


class RunnerJobProgressEventSerializer(serializers.Serializer):
    """An event of a running job."""

    sequence = Integer(
        min_value=1,
        max_value=MAX_EVENTS,
        error_messages={
            "max_value": f"A job has at most {MAX_EVENTS} events. Do not send the rest."
        },
    )
    type = Choice(choices=EVENT_TYPES)
    payload = Payload()


class RunnerJobEventsRequestSerializer(HolderSerializer):
    """Events by ascending sequence."""

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
        # If two events had the same sequence, the first would be stored and the second
        # discarded as a duplicate.
        if any(b <= a for a, b in zip(sequences, sequences[1:], strict=False)):
            raise serializers.ValidationError(
                "Send events by ascending sequence, each once."
            )
        return events


class RunnerJobEventsResponseSerializer(serializers.Serializer):
    """The last stored event; continue with the one after it."""

    last_accepted_sequence = serializers.IntegerField(min_value=0)


class RunnerJobCompletionRequestSerializer(
    HolderSerializer, EphemeralCompletionRequestSerializer
):
    """The result of a job."""

    example = HolderSerializer.example | EphemeralCompletionRequestSerializer.example

    runner_version = MachineName(required=False, allow_blank=True, max_length=64)
    # Not checked against the stored events: a lost event is no reason to lose a result.
    last_event_sequence = Integer(
        required=False, allow_null=True, min_value=0, max_value=INT64
    )


class LiveRunnerJobSerializer(serializers.Serializer):
    """A job that a runner holds."""

    job_id = serializers.UUIDField(source="pk")
    execution_id = serializers.UUIDField()
    claimed_at = serializers.DateTimeField(allow_null=True)
    lease_expires_at = serializers.DateTimeField(allow_null=True)


class LiveRunnerSerializer(serializers.Serializer):
    """A runner that sent a request in the last minute."""

    runner_id = serializers.CharField()
    boot_id = serializers.UUIDField()
    max_parallel_flows = serializers.IntegerField(min_value=1)
    active_job_count = serializers.SerializerMethodField()
    active_jobs = LiveRunnerJobSerializer(many=True)
    last_seen_at = serializers.DateTimeField()

    def get_active_job_count(self, runner) -> int:
        return len(runner.active_jobs)


class LiveRunnerListResponseSerializer(serializers.Serializer):
    """The live runners."""

    items = LiveRunnerSerializer(many=True)
