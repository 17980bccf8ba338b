"""Endpoints that show node results, by execution and by node."""

from django.shortcuts import get_object_or_404
from rest_framework.response import Response

from echopoint.api.actions import Action, Many
from echopoint.core.replica.reads import from_replica
from echopoint.executions.api import FlowExecutionViewSet
from echopoint.executions.models import Execution, NodeResult
from echopoint.executions.serializers import NodeExecutionResultSerializer

# A node result names the flow of its execution. The other columns, among them the
# snapshot and the result, would be read once per node.
DEFERRED_EXECUTION_FIELDS = [
    f"execution__{field.name}"
    for field in Execution._meta.concrete_fields
    if field.name not in {"id", "flow"}
]


def with_flow(results):
    """Join the execution for its flow id alone."""
    return results.select_related("execution").defer(*DEFERRED_EXECUTION_FIELDS)


class NodeResultViewSet(FlowExecutionViewSet):
    """The node results of an execution."""

    serializer_class = NodeExecutionResultSerializer
    api_actions = {
        "list": Action(
            id="getExecutionNodeResults", scopes=["flows:read"], many=Many.BARE
        ),
        "retrieve": Action(id="getNodeExecutionResult", scopes=["flows:read"]),
    }

    @from_replica
    def list(self, request, flowId, executionId):
        """Return the results of all nodes in the order of their start. Not paginated."""
        rows = with_flow(self.get_object().node_results)
        return Response(self.get_serializer(rows, many=True).data)

    def retrieve(self, request, flowId, executionId, nodeId):
        rows = with_flow(self.get_object().node_results)
        return self.show(get_object_or_404(rows, node_id=nodeId))


class NodeHistoryViewSet(FlowExecutionViewSet):
    """The results of one node in all executions of its flow."""

    serializer_class = NodeExecutionResultSerializer
    large_columns = ("result", "error_message", "skip_reason", "display_name")
    list_name = "NodeExecutionHistoryResponse"
    api_actions = {
        "list": Action(
            id="getNodeExecutionHistory", scopes=["flows:read"], many=Many.PAGED
        )
    }

    @from_replica
    def list(self, request, flowId, nodeId):
        """Return the results of the node, those of the newest execution first."""
        rows = (
            NodeResult.objects.using(self.database)
            .filter(
                execution__organization=self.organization,
                execution__flow=self.flow,
                node_id=nodeId,
            )
            .order_by("-execution__started_at", "-execution_id")
        )
        rows = with_flow(rows)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
