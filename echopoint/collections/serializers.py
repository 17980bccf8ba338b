"""Request and response bodies of collections, folders and saved requests."""

from rest_framework import serializers

from echopoint.api.fields import (
    Choice,
    Integer,
    Method,
    Name,
    Note,
    Object,
    Payload,
    StringMap,
    Text,
    refuse_keys,
)
from echopoint.api.search import MAX_ITEMS, Texts
from echopoint.collections.models import Collection

MAX_TIMEOUT = 3_600_000
MAX_URL = 2048
OPTIONAL = {"required": False, "allow_null": True}
OPTIONAL_TEXT = OPTIONAL | {"allow_blank": True}
STATUS = {"min_value": 100, "max_value": 599}


class FolderId(serializers.UUIDField):
    """The id of a folder of the collection in the path."""

    default_error_messages = {"unresolved": "This collection has no such folder."}

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        folders = self.context["collection"].folders
        folder = folders.filter(pk=super().to_internal_value(data)).first()
        if folder is None:
            self.fail("unresolved")
        return folder


class StoredObjectSerializer(serializers.Serializer):
    """An object in a JSON column: returned as stored, and without API keys."""

    class Meta:
        validators = (refuse_keys,)

    def to_representation(self, value):
        return value


class CollectionRequestAuthSerializer(StoredObjectSerializer):
    """How a saved request authenticates."""

    source_option_id = Text(**OPTIONAL_TEXT)
    source_option_label = Note(**OPTIONAL_TEXT)
    type = Choice(choices=["none", "bearer", "api_key", "basic"])
    token = Text(**OPTIONAL_TEXT)
    key = Text(**OPTIONAL_TEXT)
    value = Text(**OPTIONAL_TEXT)
    username = Text(**OPTIONAL_TEXT)
    password = Text(**OPTIONAL_TEXT)

    def get_fields(self):
        # `in` is a keyword of Python, so it cannot be declared as an attribute.
        where = Choice(choices=["header", "query", "cookie"], **OPTIONAL)
        return super().get_fields() | {"in": where}

    def validate(self, values):
        # DRF does not require fields in an update. `auth` is replaced as a whole, so its
        # type must be present.
        if "type" not in values:
            raise serializers.ValidationError({"type": ["This field is required."]})
        return values


class CollectionRequestResponseSpecSerializer(StoredObjectSerializer):
    """The expected response of a saved request."""

    primary_status_code = Integer(**STATUS, **OPTIONAL)
    status_codes = serializers.ListField(
        child=Integer(**STATUS), max_length=MAX_ITEMS, required=False
    )
    primary_content_type = Text(**OPTIONAL_TEXT)
    content_types = Texts(required=False)
    body_kind = Choice(
        choices=["json", "text", "xml", "binary", "empty", "unknown"], **OPTIONAL
    )
    schema = Object(**OPTIONAL)


class CollectionFolderSerializer(serializers.Serializer):
    """A folder."""

    id = serializers.UUIDField()
    collection_id = serializers.UUIDField()
    parent_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CollectionRequestAuthOptionSerializer(serializers.Serializer):
    """An authentication option from an import."""

    id = serializers.CharField()
    label = serializers.CharField()
    auth = CollectionRequestAuthSerializer(allow_null=True)


class CollectionRequestSerializer(serializers.Serializer):
    """A saved request."""

    id = serializers.UUIDField()
    collection_id = serializers.UUIDField()
    folder_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    method = Method()
    url = serializers.CharField()
    headers = StringMap(allow_null=True)
    auth = CollectionRequestAuthSerializer(allow_null=True)
    body = Object(allow_null=True)
    timeout = serializers.IntegerField(allow_null=True)
    response_spec = CollectionRequestResponseSpecSerializer(allow_null=True)
    auth_options = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_auth_options(self, saved_request) -> CollectionRequestAuthOptionSerializer(
        many=True, allow_null=True
    ):
        # There is no import, so there are no options.
        return None


class CollectionSerializer(serializers.Serializer):
    """A collection. In lists, `folders` and `requests` are empty."""

    id = serializers.UUIDField()
    organization_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    source = Choice(choices=Collection.Source.values)
    openapi_sync_config_id = serializers.SerializerMethodField()
    folder_count = serializers.IntegerField()
    request_count = serializers.IntegerField()
    folders = serializers.SerializerMethodField()
    requests = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_openapi_sync_config_id(self, collection) -> str | None:
        return None

    def get_folders(self, collection) -> CollectionFolderSerializer(many=True):
        return self.contents(CollectionFolderSerializer, collection.folders)

    def get_requests(self, collection) -> CollectionRequestSerializer(many=True):
        return self.contents(CollectionRequestSerializer, collection.requests)

    def contents(self, serializer, rows):
        """Return all rows, or [] in a list of collections."""
        if self.context["view"].action == "list":
            return []
        return serializer(rows.all(), many=True).data


class UpdateCollectionRequestSerializer(serializers.Serializer):
    """An update of a collection. Absent fields stay unchanged."""

    example = {"description": "What the shop's clients call."}

    name = Name(max_length=255, required=False)
    description = Note(**OPTIONAL_TEXT)


class CreateCollectionRequestSerializer(UpdateCollectionRequestSerializer):
    """A new collection."""

    example = {"name": "Shop", "description": "What the shop's clients call."}

    name = Name(max_length=255)
    source = Choice(choices=Collection.Source.values, required=False)


class UpdateFolderRequestSerializer(serializers.Serializer):
    """An update of a folder. Absent fields stay unchanged; parent_id null moves to the root."""

    example = {"name": "Orders"}

    name = Name(max_length=255, required=False)
    description = Note(**OPTIONAL_TEXT)
    parent_id = FolderId(source="parent", **OPTIONAL)

    def validate_parent_id(self, parent):
        if parent is None:
            return None
        folder = self.instance and self.instance.pk
        complaint = self.context["collection"].tree.complaint(folder, parent.pk)
        if complaint:
            raise serializers.ValidationError(complaint)
        return parent


class CreateFolderRequestSerializer(UpdateFolderRequestSerializer):
    """A new folder."""

    name = Name(max_length=255)


class UpdateRequestRequestSerializer(serializers.Serializer):
    """An update of a saved request. Absent fields stay unchanged; null clears a field."""

    example = {
        "name": "List orders",
        "method": "GET",
        "url": "https://shop.example/orders",
        "headers": {"Accept": "application/json"},
    }

    name = Name(max_length=255, required=False)
    description = Note(**OPTIONAL_TEXT)
    method = Method(required=False)
    url = Payload(max_length=MAX_URL, required=False)
    headers = StringMap(validators=[refuse_keys], **OPTIONAL)
    auth = CollectionRequestAuthSerializer(**OPTIONAL)
    body = Object(validators=[refuse_keys], **OPTIONAL)
    timeout = Integer(min_value=0, max_value=MAX_TIMEOUT, **OPTIONAL)
    response_spec = CollectionRequestResponseSpecSerializer(**OPTIONAL)
    folder_id = FolderId(source="folder", **OPTIONAL)


class CreateRequestRequestSerializer(UpdateRequestRequestSerializer):
    """A new saved request."""

    name = Name(max_length=255)
    method = Method()
    url = Payload(max_length=MAX_URL)


class QueryBoolean(serializers.BooleanField):
    """`true` or `false` as a query parameter."""

    def to_internal_value(self, data):
        if data not in ("true", "false"):
            raise serializers.ValidationError("Use one of: true, false.")
        return data == "true"


class CollectionRequestQuerySerializer(serializers.Serializer):
    """Query parameters of the list of saved requests."""

    folder_id = FolderId(source="folder", required=False)
    include_nested = QueryBoolean(default=False)
    search = Text(required=False, allow_blank=True, max_length=255)
