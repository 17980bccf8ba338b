"""Webhooks and captured requests on the wire."""

from django.urls import reverse
from rest_framework import serializers

from echopoint.api.fields import Boolean, Method, Name, TextOrNull
from echopoint.api.search import SearchRequestSerializer, SortBy, Texts


class WebhookSerializer(serializers.Serializer):
    """A webhook, with the address to send to."""

    id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    request_count = serializers.IntegerField()
    dropped_count = serializers.IntegerField(
        help_text="Captured requests that made room for newer ones."
    )
    dropped_at = serializers.DateTimeField(
        allow_null=True, help_text="When that happened last."
    )

    def get_url(self, webhook) -> str:
        path = reverse("receive_webhook", args=[webhook.pk])
        return self.context["request"].build_absolute_uri(path)


class CreateWebhookRequestSerializer(serializers.Serializer):
    """A new webhook."""

    example = {"name": "Payments"}

    name = Name(max_length=255)


class WebhookFilterSerializer(serializers.Serializer):
    """Which webhooks to find."""

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
    """A captured request. A body that is no text comes in base64, and says so."""

    id = serializers.CharField()
    webhook_id = serializers.CharField()
    method = Method()
    path = serializers.CharField(
        help_text="What came after the id: empty, or from / on."
    )
    raw_path = serializers.CharField(
        allow_null=True,
        help_text="The whole path with its percent-encoding; null where it is not known.",
    )
    raw_query = serializers.CharField(
        allow_null=True,
        help_text="The query with its percent-encoding; null where it is not known.",
    )
    headers = serializers.DictField(child=serializers.CharField())
    headers_all = serializers.SerializerMethodField(
        help_text="All values of each header; null where they are not known."
    )
    query_params = serializers.DictField(child=serializers.CharField())
    query_params_all = serializers.SerializerMethodField(
        help_text="All values of each parameter; null where they are not known."
    )
    body = TextOrNull()
    body_is_base64 = serializers.BooleanField()
    body_decoded = TextOrNull(
        help_text="The body without its Content-Encoding and in its charset; null where it"
        " is the same as `body`, or `body_decoding` says why it cannot be shown."
    )
    body_decoding = TextOrNull(
        help_text="`complete`; `cut`: larger than 1 MiB, and `body` is its beginning;"
        " `failed`: not encoded as it says; `not_text`; `withheld`: the bytes are not"
        " stored, because an API key is in them or they cannot be searched for one, and"
        " `body` is the text that could be read; null where there is nothing to decode."
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
    """Return the values of each name as a list, or None where only joined ones are known."""
    if repeated is None:
        return None
    return {name: repeated.get(name, [value]) for name, value in single.items()}


class WebhookRequestFilterSerializer(serializers.Serializer):
    """Which captured requests to find."""

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
    """What a sender is told."""

    message = serializers.CharField(default="The request was captured.")
    request_id = serializers.CharField(source="id")
    received_at = serializers.DateTimeField()
