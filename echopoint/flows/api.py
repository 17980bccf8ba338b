"""`/flows`: flows, their search and their tags."""

from django.db import transaction
from rest_framework.response import Response

from echopoint.api.actions import Action, Many
from echopoint.api.pagination import page_envelope
from echopoint.api.search import matching, paginate
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.replica.reads import from_replica
from echopoint.flows.definition.warnings import MAX_WARNINGS, warnings_of
from echopoint.flows.models import Flow, FlowTag, as_tag, before_delete
from echopoint.flows.serializers import (
    CreateFlowRequestSerializer,
    FlowSearchItemSerializer,
    FlowSearchRequestSerializer,
    FlowSerializer,
    FlowTagListResponseSerializer,
    UpdateFlowRequestSerializer,
    WrittenFlowSerializer,
)

TAG_LIMIT = 100


class FlowViewSet(OrgScopedViewSet):
    """The flows of the organization."""

    tag = "Flows"
    queryset = Flow.objects.prefetch_related("tag_rows").order_by("-created_at", "-pk")
    serializer_class = FlowSerializer
    row_limit_setting = "MAX_FLOWS"
    large_columns = ("flow_definition", "metadata", "description")
    api_actions = {
        "list": Action(id="listFlows", scopes=["flows:read"], many=Many.PAGED),
        "create": Action(
            id="createFlow",
            scopes=["flows:create"],
            body=CreateFlowRequestSerializer,
            answer=WrittenFlowSerializer,
            status=201,
            conflicts=True,
        ),
        "search": Action(
            id="searchFlows",
            scopes=["flows:read"],
            body=FlowSearchRequestSerializer,
            answer=FlowSearchItemSerializer,
            many=Many.ENVELOPED,
        ),
        "tags": Action(
            id="listFlowTags",
            scopes=["flows:read"],
            answer=FlowTagListResponseSerializer,
        ),
        "retrieve": Action(id="getFlow", scopes=["flows:read"]),
        "update": Action(
            id="updateFlow",
            scopes=["flows:update"],
            body=UpdateFlowRequestSerializer,
            answer=WrittenFlowSerializer,
            conflicts=True,
        ),
        "destroy": Action(id="deleteFlow", scopes=["flows:delete"], status=204),
    }

    @transaction.atomic
    def save(self, flow, values):
        tags = values.pop("tags", None)
        has_definition = "flow_definition" in values
        warnings = values.pop("spelling_differences", [])
        flow = super().save(flow, values)
        if has_definition:
            warnings += warnings_of(flow.flow_definition, flow.input_names())
        flow.warnings = warnings[:MAX_WARNINGS]
        if tags is not None:
            flow.set_tags(tags)
        return flow

    @transaction.atomic
    def destroy(self, request, id):
        flow = self.get_queryset().filter(pk=self.path_id(id)).first()
        if flow:
            before_delete.send(Flow, flow=flow)
        return super().destroy(request, id)

    @from_replica
    def search(self, request):
        search = self.body()
        found = self.searched(self.get_queryset(), search)
        rows, total = paginate(found, search, self.large_columns)
        serializer = FlowSearchItemSerializer(
            rows,
            many=True,
            context={"include_definition": search["include_definition"]},
        )
        return Response(page_envelope(serializer.data, total))

    def searched(self, queryset, search):
        if tags := [as_tag(tag) for tag in search.get("tags", [])]:
            every = search["tag_match_mode"] == "all"
            queryset = queryset.with_tags(tags, every=every)
        text = search.get("full_text_search")
        queryset = matching(queryset, text, "name", "description")
        return super().searched(queryset, search)

    @from_replica
    def tags(self, request):
        """Return the first hundred tags in use, in alphabetical order."""
        flows = Flow.objects.for_org(self.organization)
        names = (
            FlowTag.objects.using(self.database)
            .filter(flow__in=flows)
            .values_list("name", flat=True)
            .distinct()
            .order_by("name")
        )
        items = list(names[:TAG_LIMIT])
        return Response({"items": items, "count": len(items), "limit": TAG_LIMIT})
