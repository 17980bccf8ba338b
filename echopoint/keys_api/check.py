"""`POST /api-keys/{id}/check`: whether a key would be allowed to make a request."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apikeys.api_operations import operation_with_id
from apikeys.authentication import RefusedRequest
from apikeys.dry_run import NO_ADDRESS, NO_PAST, is_past
from apikeys.networks import parse_address
from echopoint.api.exceptions import errors_of
from echopoint.api.fields import Text
from echopoint.keys_api.serializers import ExactSerializer

NOT_CHECKED = ["rate_limit", "quotas", "resources"]


class ApiKeyCheckRequestSerializer(ExactSerializer):
    """A request that a key might make."""

    example = {"operation": "listFlows", "address": "203.0.113.9"}

    operation = Text(
        max_length=100, help_text="The id of an operation, an operationId."
    )
    address = Text(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="The IP address of the client; null for an unknown one. By default that"
        " of this request.",
    )
    at = serializers.DateTimeField(
        required=False, help_text="Now by default. The key is judged as it is now."
    )

    def validate_operation(self, operation_id):
        operation = operation_with_id(operation_id)
        if operation is None:
            raise serializers.ValidationError(
                "There is no operation with this id. GET /openapi.json lists them."
            )
        return operation

    def validate_address(self, text):
        if text is None:
            return None
        if not (address := parse_address(text)):
            raise serializers.ValidationError(NO_ADDRESS)
        return str(address)

    def validate_at(self, at):
        if is_past(at):
            raise serializers.ValidationError(NO_PAST)
        return at


class CheckErrorSerializer(serializers.Serializer):
    """The error that the API would give."""

    status = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()
    metadata = serializers.DictField(required=False)


class ApiKeyCheckResponseSerializer(serializers.Serializer):
    """The answer to a check. What is in `not_checked` may still refuse the request."""

    allowed = serializers.BooleanField(source="answer.is_allowed")
    operation = serializers.CharField(source="answer.operation.operation_id")
    address = serializers.CharField(source="ip", allow_null=True)
    at = serializers.DateTimeField()
    error = serializers.SerializerMethodField()
    required_permissions = serializers.ListField(
        child=serializers.CharField(), source="answer.required"
    )
    missing_permissions = serializers.ListField(
        child=serializers.CharField(), source="answer.lacking"
    )
    not_checked = serializers.SerializerMethodField()

    @extend_schema_field(CheckErrorSerializer(allow_null=True))
    def get_error(self, checked):
        refusal = checked["answer"].refusal
        if refusal is None:
            return None
        (error,) = errors_of(RefusedRequest(refusal))
        return {"status": int(refusal.status)} | error

    def get_not_checked(self, checked) -> list[str]:
        return NOT_CHECKED
