"""Variables and environments on the wire."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.api.fields import Boolean, Label, Text
from echopoint.environments.models import MAX_VALUE_LENGTH
from echopoint.environments.names import (
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    NAME_RULE,
    is_name,
)


@extend_schema_field(
    {"type": "string", "maxLength": MAX_NAME_LENGTH, "pattern": f"^{NAME_PATTERN}$"}
)
class EnvironmentName(Label):
    """The name of an environment: it is found by it exactly, and no two differ in case alone."""

    def to_internal_value(self, data):
        name = super().to_internal_value(data)
        if not is_name(name):
            raise serializers.ValidationError(NAME_RULE)
        return name


class VariableSerializer(serializers.Serializer):
    """A variable. A secret's value reads ***."""

    value = serializers.CharField(source="shown", max_length=MAX_VALUE_LENGTH)
    secret = serializers.BooleanField(default=False)
    organization_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class VariableSetSerializer(serializers.Serializer):
    """The variables of a flow, or of an organization with its environments."""

    id = serializers.UUIDField()
    owner_id = serializers.UUIDField()
    owner_type = serializers.ChoiceField(choices=["flow", "organization"])
    base = serializers.DictField(child=VariableSerializer(), source="layers.base")
    environments = serializers.DictField(
        child=serializers.DictField(child=VariableSerializer()),
        source="layers.environments",
    )
    organization_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SetVariableRequestSerializer(serializers.Serializer):
    """The value of a variable, and whether it is to be a secret."""

    example = {"value": "https://staging.shop.example", "secret": False}

    value = Text(max_length=MAX_VALUE_LENGTH, allow_blank=True)
    secret = Boolean(default=False)

    def validate(self, values):
        # A secret by a misspelled name would be stored as a plain value. What a variable
        # reads as besides may come along, as clients send back what they read.
        known = {*self.fields, *VariableSerializer().fields}
        for name in sorted(set(self.initial_data) - known):
            raise serializers.ValidationError(
                {name[:100]: ["There is no such field. Send value and secret."]}
            )
        return values


class EnvironmentSerializer(serializers.Serializer):
    """A named environment."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EnvironmentListResponseSerializer(serializers.Serializer):
    """The environments of an organization."""

    items = EnvironmentSerializer(many=True)


class CreateEnvironmentRequestSerializer(serializers.Serializer):
    """A new environment."""

    example = {"name": "staging"}

    name = EnvironmentName()
