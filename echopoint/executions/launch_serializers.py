"""Serializers and headers of a launch."""

import re

from rest_framework import serializers

from echopoint.api.fields import Choice, MachineNote, Text
from echopoint.core.characters import decode_client_text
from echopoint.core.names import LOOKS_LIKE_A_KEY, refuse_key
from echopoint.core.redaction import holds_a_key
from echopoint.executions.exceptions import InvalidLaunch
from echopoint.executions.serializers import FlowExecutionSerializer, TriggerMetadata

MAX_TIMEOUT = 604_800  # seconds; a week
MAX_METADATA_LENGTH = 1000  # characters per field
GIT = ("source", "repository", "workflow", "job", "run_id", "run_attempt", "sha", "ref", "actor")  # fmt: skip
NO_CLOUD = (
    "There are no cloud runners here. Launch with runner_type self_hosted to use one of"
    " your runners, or ephemeral to run the flow in the calling process."
)


class RunnerType(Choice):
    """Where a flow runs. This installation has no cloud runners."""

    def __init__(self, **options):
        super().__init__(choices=["cloud", "self_hosted", "ephemeral"], **options)

    def to_internal_value(self, data):
        if data == "cloud":
            raise serializers.ValidationError(NO_CLOUD)
        return super().to_internal_value(data)


def refuse_disguised_key(text):
    """Raise for an API key in the text, also if it is encoded or split by line breaks."""
    refuse_key(decode_client_text(text))


def metadata_field():
    return MachineNote(
        required=False,
        allow_blank=True,
        max_length=MAX_METADATA_LENGTH,
        validators=[refuse_disguised_key],
    )


class GitTriggerMetadataSerializer(serializers.Serializer):
    """The pipeline that launched the flow, as reported by the client."""

    def get_fields(self):
        return {name: metadata_field() for name in GIT}


class ManualTriggerMetadataSerializer(serializers.Serializer):
    """The person or key that launched the flow, as reported by the client."""

    actor_type = Choice(choices=["user", "api_key"])
    actor_id = metadata_field()


METADATA = {
    "git": GitTriggerMetadataSerializer,
    "manual": ManualTriggerMetadataSerializer,
}


class LaunchFlowRequestSerializer(serializers.Serializer):
    """A launch; every field has a default."""

    example = {"runner_type": "ephemeral"}

    runner_type = RunnerType(default="self_hosted")
    environment_key = Text(required=False, allow_blank=True, max_length=255)
    version_id = serializers.UUIDField(required=False)
    trigger_type = Choice(choices=["manual", "git"], default="manual")
    trigger_metadata = TriggerMetadata(required=False, allow_null=True)

    def validate_version_id(self, value):
        raise serializers.ValidationError(
            "There is no version with this id. Omit version_id to launch the current"
            " flow."
        )

    def validate(self, values):
        if (sent := values.pop("trigger_metadata", None)) is not None:
            metadata = METADATA[values["trigger_type"]](data=sent)
            if not metadata.is_valid():
                raise serializers.ValidationError({"trigger_metadata": metadata.errors})
            values["trigger_metadata"] = metadata.validated_data
        return values


def timeout_seconds(headers):
    """Parse X-Execution-Timeout, in seconds; None if absent. Raise `InvalidLaunch`."""
    text = headers.get("X-Execution-Timeout")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_TIMEOUT:
        raise InvalidLaunch(
            "X-Execution-Timeout",
            f"X-Execution-Timeout must be whole seconds from 1 to {MAX_TIMEOUT}.",
            metadata={"minimum": 1, "maximum": MAX_TIMEOUT},
        )
    return int(text)


def idempotency_key(headers):
    """Return the Idempotency-Key; empty if absent. Raise `InvalidLaunch`."""
    key = headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not key.strip() or len(key) > 255:
        raise InvalidLaunch(
            "Idempotency-Key",
            "Idempotency-Key must have 1 to 255 characters, or be omitted.",
            metadata={"maxLength": 255},
        )
    # Idempotency keys are random too. Only the format of our own API keys is refused.
    if holds_a_key(key):
        raise InvalidLaunch("Idempotency-Key", LOOKS_LIKE_A_KEY)
    return key


class LaunchFlowAcceptedResponseSerializer(serializers.Serializer):
    """An accepted launch."""

    execution = FlowExecutionSerializer()
