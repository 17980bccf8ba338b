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
MAX_METADATA = 1000  # characters of one entry
GIT = ("source", "repository", "workflow", "job", "run_id", "run_attempt", "sha", "ref", "actor")  # fmt: skip
NO_CLOUD = (
    "There are no cloud runners here. Launch with runner_type self_hosted, for a runner"
    " of yours, or ephemeral, to run the flow where you are."
)


class RunnerType(Choice):
    """Where a flow is to run; this installation has two of the three ways."""

    def __init__(self, **options):
        super().__init__(choices=["cloud", "self_hosted", "ephemeral"], **options)

    def to_internal_value(self, data):
        if data == "cloud":
            raise serializers.ValidationError(NO_CLOUD)
        return super().to_internal_value(data)


def refuse_disguised(text):
    """Raise for a text that holds a key once it is decoded and in one piece."""
    refuse_key(decode_client_text(text))


def short():
    """Return the field of one entry of trigger metadata."""
    return MachineNote(
        required=False,
        allow_blank=True,
        max_length=MAX_METADATA,
        validators=[refuse_disguised],
    )


class GitTriggerMetadataSerializer(serializers.Serializer):
    """The pipeline that launched; each entry as the pipeline says it."""

    def get_fields(self):
        return {name: short() for name in GIT}


class ManualTriggerMetadataSerializer(serializers.Serializer):
    """Who launched, as the client says it."""

    actor_type = Choice(choices=["user", "api_key"])
    actor_id = short()


METADATA = {
    "git": GitTriggerMetadataSerializer,
    "manual": ManualTriggerMetadataSerializer,
}


class LaunchFlowRequestSerializer(serializers.Serializer):
    """A launch; all of it has defaults."""

    example = {"runner_type": "ephemeral"}

    runner_type = RunnerType(default="self_hosted")
    environment_key = Text(required=False, allow_blank=True, max_length=255)
    version_id = serializers.UUIDField(required=False)
    trigger_type = Choice(choices=["manual", "git"], default="manual")
    trigger_metadata = TriggerMetadata(required=False, allow_null=True)

    def validate_version_id(self, value):
        raise serializers.ValidationError(
            "There is no version with this id. Leave version_id out to launch the flow"
            " as it is."
        )

    def validate(self, values):
        if (told := values.pop("trigger_metadata", None)) is not None:
            metadata = METADATA[values["trigger_type"]](data=told)
            if not metadata.is_valid():
                raise serializers.ValidationError({"trigger_metadata": metadata.errors})
            values["trigger_metadata"] = metadata.validated_data
        return values


def timeout_seconds(headers):
    """Return X-Execution-Timeout of a launch in seconds, or None; raise for a bad one."""
    text = headers.get("X-Execution-Timeout")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_TIMEOUT:
        raise InvalidLaunch(
            "X-Execution-Timeout",
            f"Give X-Execution-Timeout in whole seconds, 1 to {MAX_TIMEOUT}.",
            metadata={"minimum": 1, "maximum": MAX_TIMEOUT},
        )
    return int(text)


def idempotency_key(headers):
    """Return the Idempotency-Key of a launch, or an empty string; raise for a bad one."""
    key = headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not key.strip() or len(key) > 255:
        raise InvalidLaunch(
            "Idempotency-Key",
            "Give an Idempotency-Key of 1 to 255 characters, or leave it out.",
            metadata={"maxLength": 255},
        )
    # It may be as random as a key is, so only what has the form of one is refused.
    if holds_a_key(key):
        raise InvalidLaunch("Idempotency-Key", LOOKS_LIKE_A_KEY)
    return key


class LaunchFlowAcceptedResponseSerializer(serializers.Serializer):
    """An accepted launch."""

    execution = FlowExecutionSerializer()
