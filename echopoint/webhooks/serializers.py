"""Request and response bodies of webhooks and captured requests."""

from django.urls import reverse
from rest_framework import serializers

from echopoint.api.fields import Boolean, Method, Name, TextOrNull
from echopoint.api.search import SearchRequestSerializer, SortBy, Texts


class WebhookSerializer(serializers.Serializer):
    """A webhook, with its public URL."""

    id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    request_count = serializers.IntegerField()
    dropped_count = serializers.IntegerField(
        help_text="Captured requests deleted to make space for newer ones."
    )
    dropped_at = serializers.DateTimeField(
        allow_null=True, help_text="Time of the last such deletion."
    )

    def get_url(self, webhook) -> str:
        path = reverse("receive_webhook", args=[webhook.pk])
        return self.context["request"].build_absolute_uri(path)


class CreateWebhookRequestSerializer(serializers.Serializer):
    """A new webhook."""

    example = {"name": "Payments"}

    name = Name(max_length=255)


class WebhookFilterSerializer(serializers.Serializer):
    """Filters of a search for webhooks."""

    ids = Texts(required=False)
    names = Texts(required=False)


class WebhookSearchRequestSerializer(SearchRequestSerializer):
    """A search for webhooks."""

    example = {"full_text_search": "payments", "sort_by": "request_count"}

    filter = WebhookFilterSerializer(required=False)
    sort_by = SortBy(
        "name", "created_at", "updated_at", "request_count", default="created_at"
    )


class WebhookRequestResponseSerializer(serializers.Serializer):
    """A captured request. A body that is not text is in base64, see `body_is_base64`."""

    id = serializers.CharField()
    webhook_id = serializers.CharField()
    method = Method()
    path = serializers.CharField(
        help_text="The path after the id: empty, or starting with /."
    )
    raw_path = serializers.CharField(
        allow_null=True,
        help_text="The whole path with its percent-encoding; null if unknown.",
    )
    raw_query = serializers.CharField(
        allow_null=True,
        help_text="The query with its percent-encoding; null if unknown.",
    )
    headers = serializers.DictField(child=serializers.CharField())
    headers_all = serializers.SerializerMethodField(
        help_text="All values of each header; null if unknown."
    )
    query_params = serializers.DictField(child=serializers.CharField())
    query_params_all = serializers.SerializerMethodField(
        help_text="All values of each parameter; null if unknown."
    )
    body = TextOrNull()
    body_is_base64 = serializers.BooleanField()
    body_decoded = TextOrNull(
        help_text="The body without its Content-Encoding, decoded from its charset; null if it"
        " equals `body` or cannot be shown, see `body_decoding`."
    )
    body_decoding = TextOrNull(
        help_text="`complete`; `cut`: larger than 1 MiB when decoded, and `body` is the beginning;"
        " `failed`: not encoded as its headers say; `not_text`; `withheld`: the bytes are"
        " not stored, because they contain an API key or cannot be searched for one, and"
        " `body` is the readable text; null if there was nothing to decode."
    )
    content_type = TextOrNull()
    user_agent = TextOrNull()
    ip_address = serializers.CharField()
    received_at = serializers.DateTimeField()

    def get_headers_all(self, captured) -> dict[str, list[str]] | None:
        return with_all_values(captured.headers, captured.repeated_headers)

    def get_query_params_all(self, captured) -> dict[str, list[str]] | None:
        return with_all_values(captured.query_params, captured.repeated_params)


def with_all_values(single, repeated):
    """Return all values of each name as a list; None if only joined values are known."""
    if repeated is None:
        return None
    return {name: repeated.get(name, [value]) for name, value in single.items()}


class WebhookRequestFilterSerializer(serializers.Serializer):
    """Filters of a search for captured requests."""

    ids = Texts(required=False)
    methods = Texts(child=Method(), required=False)
    ip_addresses = Texts(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    has_body = Boolean(required=False)
    has_query_params = Boolean(required=False)


class WebhookRequestSearchRequestSerializer(SearchRequestSerializer):
    """A search for captured requests."""

    example = {
        "filter": {"methods": ["POST"], "since": "2026-01-05T10:00:00Z"},
        "pagination": {"limit": 20, "offset": 0},
    }

    filter = WebhookRequestFilterSerializer(required=False)
    sort_by = SortBy("received_at", "method", "ip_address", default="received_at")


class WebhookResponseSerializer(serializers.Serializer):
    """The response to the sender of a captured request."""

    message = serializers.CharField(default="The request was captured.")
    request_id = serializers.CharField(source="id")
    received_at = serializers.DateTimeField()
