"""Serializers of variables and environments."""

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
    """The name of an environment. Unique regardless of case; looked up with its case."""

    def to_internal_value(self, data):
        name = super().to_internal_value(data)
        if not is_name(name):
            raise serializers.ValidationError(NAME_RULE)
        return name


class VariableSerializer(serializers.Serializer):
    """A variable. The value of a secret is ***."""

    value = serializers.CharField(source="masked_value", max_length=MAX_VALUE_LENGTH)
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
    """The new value of a variable."""

    example = {"value": "https://staging.shop.example", "secret": False}

    value = Text(max_length=MAX_VALUE_LENGTH, allow_blank=True)
    secret = Boolean(default=False)

    def validate(self, values):
        # Unknown fields are refused: a misspelled `secret` would store the secret as a
        # plain value. The read-only fields are accepted, because clients send back the
        # object that they read.
        known = {*self.fields, *VariableSerializer().fields}
        for name in sorted(set(self.initial_data) - known):
            raise serializers.ValidationError(
                {name[:100]: ["Unknown field. Send value and secret."]}
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
