"""Request and response bodies of `/api-keys` and `/permissions`."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apikeys.models import ApiKey, ScopeUse
from apikeys.models.manager import MAX_SCOPES
from apikeys.models.moves import KINDS, State
from apikeys.models.ownership import MAX_ADDRESS
from apikeys.models.verdict import Kind
from apikeys.network_entries import MAX_ENTRIES
from apikeys.representation import describe_rotation
from echopoint.api.fields import Choice, Integer, Label, Name, Text, TextOrNull
from echopoint.api.operations import operations_for_scope
from echopoint.api.search import SearchRequestSerializer, SortBy, Texts

MAX_DAYS = 2**31 - 1
MAX_ENTRY = 100  # characters, more than a network or the name of a range has


class ApiKeySerializer(serializers.Serializer):
    """An API key without its secret."""

    id = serializers.CharField(source="rest_id")
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=ApiKey.Status.choices, source="state")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField(), source="scopes")
    allowed_networks = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Networks, addresses and names of ranges from which the key may be used;"
        " null for any address.",
    )
    owner_email = serializers.EmailField(
        allow_null=True,
        help_text="A member of the organization; null for no owner.",
    )
    contact_email = TextOrNull(
        help_text="An address without an account, which also gets the key's notices."
    )
    description = TextOrNull()


class RotationPlaceSerializer(serializers.Serializer):
    """A place where the old key was used, with its use of the new key."""

    place = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    state = serializers.ChoiceField(choices=[state.value for state in State])
    requests = serializers.IntegerField(allow_null=True)
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    longest_gap_seconds = serializers.IntegerField()
    expected_at = serializers.DateTimeField(allow_null=True)
    silent_until = serializers.DateTimeField(allow_null=True)
    seen_with_successor_at = serializers.DateTimeField(allow_null=True)


class RotationVerdictSerializer(serializers.Serializer):
    """The verdict on retiring the old key of a rotation."""

    verdict = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    sentence = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    places = RotationPlaceSerializer(many=True)


class ScopeUseSerializer(serializers.Serializer):
    """The last recorded use of a scope."""

    scope = serializers.CharField(source="name")
    last_used_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Null if no use is recorded. Recorded at most once an hour.",
    )
    recorded_since = serializers.DateTimeField(
        source="known_since", help_text="Earlier uses are not recorded."
    )


class ApiKeyDetailSerializer(ApiKeySerializer):
    """An API key with its current rotation, or null."""

    requests_per_minute = serializers.IntegerField(source="requests_allowed")
    leak_reported_at = serializers.DateTimeField(allow_null=True)
    effective_networks = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The networks that `allowed_networks` stands for now, or null.",
    )
    scope_use = serializers.SerializerMethodField()
    rotation = serializers.SerializerMethodField()

    @extend_schema_field(ScopeUseSerializer(many=True))
    def get_scope_use(self, key):
        return ScopeUseSerializer(ScopeUse.objects.of(key).facts, many=True).data

    @extend_schema_field(RotationVerdictSerializer(allow_null=True))
    def get_rotation(self, key):
        return describe_rotation(key)


class ApiKeyCreateResponseSerializer(ApiKeySerializer):
    """A new key with its secret. No other response contains the secret."""

    secret = serializers.CharField()

    def to_representation(self, issued):
        key, secret = issued
        self.fields.pop("secret", None)
        return super().to_representation(key) | {"secret": secret}


class ApiKeyRotateResponseSerializer(ApiKeyCreateResponseSerializer):
    """The successor of a key with its secret. No other response contains the secret."""

    dropped_permissions = serializers.ListField(
        child=serializers.CharField(),
        source="rotated_from.lapsed_scopes",
        required=False,
        help_text="Permissions of the old key that are no longer in the catalog, so the new"
        " key lacks them. Absent if there are none.",
    )

    def to_representation(self, issued):
        answer = super().to_representation(issued)
        if not answer["dropped_permissions"]:
            del answer["dropped_permissions"]
        return answer


class ExactSerializer(serializers.Serializer):
    """Refuses unknown fields: ignoring a misspelled one would create another key than
    requested, for example with the default lifetime."""

    def to_internal_value(self, data):
        values = super().to_internal_value(data)
        if unknown := sorted(set(data) - set(self.fields)):
            taken = ", ".join(self.fields)
            raise serializers.ValidationError(
                {unknown[0][:100]: [f"Unknown field. Use: {taken}."]}
            )
        return values


class NetworksField(serializers.ListField):
    """Networks, addresses, or names of ranges; the model checks each."""

    child = Text(max_length=MAX_ENTRY)

    def __init__(self, **options):
        super().__init__(min_length=1, max_length=MAX_ENTRIES, **options)


class Email(Label):
    """An e-mail address; the model checks it."""

    def __init__(self, **options):
        super().__init__(max_length=MAX_ADDRESS, allow_null=True, **options)


class KeyName(Name):
    """The name of a key; the model refuses one that another key has."""

    def __init__(self, **options):
        maximum = ApiKey._meta.get_field("name").max_length
        super().__init__(max_length=maximum, **options)


class KeyDescription(Label):
    """The description of a key, on one line; surrounding spaces are removed."""

    def __init__(self, **options):
        super().__init__(
            max_length=ApiKey._meta.get_field("description").max_length,
            trim_whitespace=True,
            allow_blank=True,
            required=False,
            **options,
        )


class ApiKeyCreateRequestSerializer(ExactSerializer):
    """A request to create a key."""

    example = {
        "name": "CI pipeline",
        "permissions": ["flows:execute", "runner:complete"],
        "expires_in_days": 90,
    }

    name = KeyName()
    permissions = serializers.ListField(
        child=Text(), min_length=1, max_length=MAX_SCOPES
    )
    expires_in_days = Integer(
        min_value=1, max_value=MAX_DAYS, required=False, allow_null=True
    )
    allowed_networks = NetworksField(required=False, allow_null=True)
    owner_email = Email(
        required=False, help_text="A member. Default: you. Null: no owner."
    )
    contact_email = Email(required=False)
    description = KeyDescription(allow_null=True)


class ApiKeyUpdateRequestSerializer(ExactSerializer):
    """A change of a key; absent fields stay as they are."""

    example = {
        "name": "CI pipeline, web",
        "description": "Runs the flows of the web shop after each merge.",
        "allowed_networks": ["203.0.113.0/24", "2001:db8::/32"],
    }

    allowed_networks = NetworksField(required=False, allow_null=True)
    owner_email = Email(required=False, help_text="A member. Null: no owner.")
    contact_email = Email(required=False, help_text="Null: no contact.")
    name = KeyName(required=False)
    description = KeyDescription(allow_null=True, help_text="Null: no description.")


class ApiKeyRotateRequestSerializer(ExactSerializer):
    """A request to rotate a key; all fields have defaults."""

    example = {"overlap_seconds": 86_400, "expires_in_days": 90}

    overlap_seconds = Integer(min_value=0, max_value=MAX_DAYS, required=False)
    permissions = serializers.ListField(
        child=Text(), min_length=1, max_length=MAX_SCOPES, required=False
    )
    expires_in_days = Integer(
        min_value=1, max_value=MAX_DAYS, required=False, allow_null=True
    )
    owner_email = Email(
        required=False, help_text="A member. Default and null: the old key's owner."
    )
    contact_email = Email(
        required=False, help_text="Default and null: the old key's contact."
    )
    description = KeyDescription(
        allow_null=True, help_text="Default and null: the old key's description."
    )


class ApiKeyFilterSerializer(serializers.Serializer):
    """Filters of a search for keys."""

    ids = Texts(required=False)
    names = Texts(required=False)
    last_used_after = serializers.DateTimeField(required=False)
    last_used_before = serializers.DateTimeField(required=False)
    owner_emails = Texts(required=False)


class ApiKeySearchRequestSerializer(SearchRequestSerializer):
    """A search for keys."""

    example = {
        "full_text_search": "pipeline",
        "filter": {"last_used_before": "2026-01-05T10:00:00Z"},
        "sort_by": "last_used_at",
        "pagination": {"limit": 20, "offset": 0},
    }

    filter = ApiKeyFilterSerializer(required=False)
    sort_by = SortBy("id", "name", "created_at", "last_used_at", default="created_at")


class RateLimitSerializer(serializers.Serializer):
    """The rate limit of a key, and its current state."""

    requests_per_minute = serializers.IntegerField(source="quota")
    remaining = serializers.IntegerField()
    reset_seconds = serializers.IntegerField(source="reset")


class ApiKeyIdentitySerializer(serializers.Serializer):
    """The calling API key."""

    api_key_id = serializers.CharField(source="rest_id")
    organization_id = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField(), source="scopes")
    rate_limit = serializers.SerializerMethodField()

    @extend_schema_field(RateLimitSerializer)
    def get_rate_limit(self, key):
        return RateLimitSerializer(self.context["request"].rate_limit).data


class PermissionQuerySerializer(serializers.Serializer):
    """Query parameters of `/permissions`."""

    type = Choice(choices=["custom", "runner", "ci"], default="custom")


class OperationSerializer(serializers.Serializer):
    """An operation that requires the scope."""

    method = serializers.CharField()
    path = serializers.CharField()
    operation_id = serializers.CharField()


class PermissionSerializer(serializers.Serializer):
    """A scope of the catalog."""

    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    scope_modifier = serializers.SerializerMethodField()
    resource = serializers.CharField()
    action = serializers.CharField()
    sensitive = serializers.SerializerMethodField()
    endpoints = serializers.SerializerMethodField()

    def get_scope_modifier(self, scope) -> str | None:
        return None

    def get_sensitive(self, scope) -> bool:
        return bool(scope.sensitive)

    def get_endpoints(self, scope) -> OperationSerializer(many=True):
        return operations_for_scope(scope.name)
