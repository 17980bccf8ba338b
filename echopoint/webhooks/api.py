"""`/webhooks` and their captured requests."""

from django.db.models import Q
from django.http import Http404
from rest_framework.response import Response

from echopoint.api.actions import Action, Many
from echopoint.api.pagination import page_envelope
from echopoint.api.search import matching, ordered, paginate
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.replica.reads import from_replica
from echopoint.webhooks.models import WEBHOOK_ID, Webhook
from echopoint.webhooks.serializers import (
    CreateWebhookRequestSerializer,
    WebhookRequestResponseSerializer,
    WebhookRequestSearchRequestSerializer,
    WebhookSearchRequestSerializer,
    WebhookSerializer,
)

LOOKUPS = {
    "ids": "pk__in",
    "names": "name__in",
    "methods": "method__in",
    "ip_addresses": "ip_address__in",
    "since": "received_at__gte",
    "until": "received_at__lte",
}
LARGE_COLUMNS = (
    *("body", "body_decoded", "headers", "query_params", "content_type", "user_agent"),
    *("path", "raw_path", "raw_query", "repeated_headers", "repeated_params"),
)
EMPTY_CONDITIONS = {"has_body": Q(body=""), "has_query_params": Q(query_params={})}


def apply_filter(queryset, rules):
    """Apply a validated `filter`."""
    for name, value in rules.items():
        if name in EMPTY_CONDITIONS:
            queryset = queryset.filter(
                ~EMPTY_CONDITIONS[name] if value else EMPTY_CONDITIONS[name]
            )
        else:
            queryset = queryset.filter(**{LOOKUPS[name]: value})
    return queryset


class WebhookViewSet(OrgScopedViewSet):
    """The webhooks of the organization."""

    tag = "Webhooks"
    queryset = Webhook.objects.counted().order_by("-created_at", "-pk")
    serializer_class = WebhookSerializer
    row_limit_setting = "MAX_WEBHOOKS"
    api_actions = {
        "list": Action(
            id="listWebhooks", scopes=["webhooks:read"], many=Many.ENVELOPED
        ),
        "create": Action(
            id="createWebhook",
            scopes=["webhooks:create"],
            body=CreateWebhookRequestSerializer,
            status=201,
            conflicts=True,
        ),
        "search": Action(
            id="searchWebhooks",
            scopes=["webhooks:read"],
            body=WebhookSearchRequestSerializer,
            many=Many.ENVELOPED,
        ),
        "retrieve": Action(id="getWebhook", scopes=["webhooks:read"]),
        "destroy": Action(id="deleteWebhook", scopes=["webhooks:delete"], status=204),
        "search_requests": Action(
            id="searchWebhookRequests",
            scopes=["webhooks:read"],
            body=WebhookRequestSearchRequestSerializer,
            answer=WebhookRequestResponseSerializer,
            many=Many.ENVELOPED,
        ),
    }

    def path_id(self, text):
        if not WEBHOOK_ID.fullmatch(text):
            raise Http404
        return text

    @from_replica
    def list(self, request):
        """Return all webhooks; this list has no pages."""
        items = self.get_serializer(self.get_queryset(), many=True).data
        return Response(page_envelope(items, len(items)))

    def searched(self, queryset, search):
        queryset = apply_filter(queryset, search.get("filter", {}))
        queryset = matching(queryset, search.get("full_text_search"), "name", "id")
        return super().searched(queryset, search)

    @from_replica
    def search_requests(self, request, id):
        """Search the captured requests of the webhook.

        A text is searched in the first 32,768 characters of the body, and in as many of the
        method, path, headers and parameters. A page of large requests ends before its limit:
        continue at the offset plus `count`.
        """
        webhook = self.get_object()
        search = self.body()
        rows = apply_filter(webhook.requests.all(), search.get("filter", {}))
        rows = rows.containing(search.get("full_text_search"))
        # Find the ids first. One query for count, sizes and rows would search the bodies three
        # times, and could load bodies that are not on the page.
        rows = ordered(rows, search["sort_by"], search["sort_direction"])
        ids = list(rows.values_list("pk", flat=True))
        rows = ordered(
            webhook.requests.filter(pk__in=ids),
            search["sort_by"],
            search["sort_direction"],
        )
        shown, _ = paginate(rows, search, LARGE_COLUMNS, total=len(ids))
        items = self.get_serializer(shown, many=True).data
        return Response(page_envelope(items, len(ids)))
