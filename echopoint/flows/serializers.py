"""Request and response bodies of `/flows`."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.api.fields import Boolean, Choice, Label, Name, Note, Object, refuse_keys
from echopoint.api.search import SearchRequestSerializer, SortBy, Texts
from echopoint.core.names import LOOKS_LIKE_A_KEY, name_error
from echopoint.core.redaction import holds_a_secret
from echopoint.flows.fields import Definition, FlowWarningSerializer
from echopoint.flows.models import Flow, FlowTag, as_tag

TAG_LENGTH = FlowTag._meta.get_field("name").max_length
MAX_TAGS = 50


@extend_schema_field({"$ref": "#/components/schemas/FlowMetadata"})
class Metadata(Object):
    """Data of flow editors: positions of nodes, and the key of an environment."""

    def to_internal_value(self, data):
        data = super().to_internal_value(data)
        refuse_keys(data)
        positions = data.get("node_positions", {})
        if not isinstance(positions, dict):
            raise serializers.ValidationError(
                {"node_positions": ["This must be an object."]}
            )
        for node, position in positions.items():
            if not is_position(position):
                raise serializers.ValidationError(
                    {"node_positions": {node[:100]: ["Send the numbers x and y."]}}
                )
        if not isinstance(data.get("target_environment_key", ""), str):
            raise serializers.ValidationError(
                {"target_environment_key": ["This must be a string."]}
            )
        if holds_a_secret(data.get("target_environment_key", "")):
            raise serializers.ValidationError(
                {"target_environment_key": [LOOKS_LIKE_A_KEY]}
            )
        return data


def is_position(value):
    """Whether the value is a point, {"x": number, "y": number}, both optional."""
    return isinstance(value, dict) and all(
        isinstance(value.get(axis, 0), (int, float))
        and not isinstance(value.get(axis), bool)
        for axis in "xy"
    )


class Tag(Label):
    """A tag, normalized before its length is checked: NFKC can make a text longer."""

    def to_internal_value(self, data):
        text = super().to_internal_value(data)
        # Check the text as sent: `as_tag` lowers its case, and a key in lower case is not
        # recognized.
        if message := name_error(text):
            raise serializers.ValidationError(message)
        return as_tag(text)


class Tags(serializers.ListField):
    """A list of tags, sorted, without duplicates."""

    def __init__(self, **options):
        child = Tag(trim_whitespace=True, max_length=TAG_LENGTH)
        super().__init__(child=child, max_length=MAX_TAGS, **options)

    def to_internal_value(self, data):
        return sorted(set(super().to_internal_value(data)))


class FolderId(serializers.UUIDField):
    """The folder of a flow. Flows have no folders here, so only null is valid."""

    def __init__(self, **options):
        super().__init__(required=False, allow_null=True, **options)

    def to_internal_value(self, data):
        super().to_internal_value(data)
        raise serializers.ValidationError("There is no folder with this id.")


class FlowSerializer(serializers.Serializer):
    """A flow."""

    id = serializers.UUIDField()
    organization_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    version = serializers.CharField()
    flow_definition = Definition()
    metadata = Metadata()
    tags = serializers.ListField(child=serializers.CharField())
    folder_id = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_folder_id(self, flow) -> str | None:
        return None


class WrittenFlowSerializer(FlowSerializer):
    """A created or updated flow, with warnings about engines."""

    warnings = FlowWarningSerializer(many=True)


class UpdateFlowRequestSerializer(serializers.Serializer):
    """An update of a flow. Absent fields stay unchanged; tags [] removes all tags."""

    example = {"description": "The home page answers.", "tags": ["smoke", "storefront"]}

    name = Name(max_length=255, required=False)
    description = Note(
        max_length=1000, required=False, allow_null=True, allow_blank=True
    )
    version = Label(max_length=50, required=False)
    flow_definition = Definition(required=False)
    auto_layout = Boolean(required=False, write_only=True)
    metadata = Metadata(required=False)
    tags = Tags(required=False)

    def validate(self, values):
        # Accepted for compatibility and ignored: editors do the layout.
        values.pop("auto_layout", None)
        if "flow_definition" in values:
            values |= values["flow_definition"]._asdict()
        return values


class CreateFlowRequestSerializer(UpdateFlowRequestSerializer):
    """A new flow."""

    example = {
        "name": "Storefront is up",
        "flow_definition": {
            "name": "Storefront is up",
            "version": "1.0",
            "nodes": [
                {
                    "id": "home",
                    "display_name": "Home page",
                    "type": "request",
                    "data": {"method": "GET", "url": "{{base_url}}/home"},
                    "assertions": [
                        {
                            "extractor_type": "statusCode",
                            "extractor_data": {},
                            "operator_type": "equals",
                            "operator_data": {"value": 200},
                        }
                    ],
                }
            ],
            "edges": [],
        },
        "tags": ["smoke"],
    }

    name = Name(max_length=255)
    version = Label(max_length=50, default="1.0")
    flow_definition = Definition()
    folder_id = FolderId()

    def validate(self, values):
        values.pop("folder_id", None)
        return super().validate(values)


class FlowSearchRequestSerializer(SearchRequestSerializer):
    """A search for flows."""

    example = {
        "tags": ["smoke"],
        "tag_match_mode": "any",
        "pagination": {"limit": 50, "offset": 0},
    }

    tags = Texts(required=False)
    tag_match_mode = Choice(choices=["any", "all"], default="any")
    include_definition = Boolean(default=False)
    folder_id = FolderId()
    uncategorized = Boolean(default=False)
    sort_by = SortBy("name", "created_at", "updated_at", default="created_at")


class FlowSearchItemSerializer(FlowSerializer):
    """A flow in search results; the definition is included on request."""

    flow_definition = Definition(required=False)
    metadata = None
    node_count = serializers.IntegerField()
    last_run_status = serializers.ChoiceField(choices=Flow.LastRunStatus.choices)

    def get_fields(self):
        fields = super().get_fields()
        if not self.context.get("include_definition", True):
            del fields["flow_definition"]
        return fields


class FlowTagListResponseSerializer(serializers.Serializer):
    """The tags in use."""

    items = serializers.ListField(child=serializers.CharField(), max_length=100)
    count = serializers.IntegerField()
    limit = serializers.IntegerField()
