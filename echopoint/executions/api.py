"""Launching flows, publishing how they went, and reading it later."""

from django.conf import settings
from django.db import Error
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apikeys.places import CI_FIELDS, pipeline, thing
from echopoint.api.actions import Action, Many
from echopoint.api.exceptions import RateExceeded, log_unavailable
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core import rate_limits
from echopoint.core.availability import is_unavailable
from echopoint.executions.callers import Caller
from echopoint.executions.completion import Completion
from echopoint.executions.models import Execution, NodeResult
from echopoint.executions.serializers import (
    MAX_TIMEOUT,
    EphemeralCompletionRequestSerializer,
    EphemeralCompletionResponseSerializer,
    ExecutionQuerySerializer,
    FlowExecutionActivitySerializer,
    FlowExecutionSerializer,
    LaunchedExecutionSerializer,
    LaunchFlowAcceptedResponseSerializer,
    LaunchFlowRequestSerializer,
    NodeExecutionResultSerializer,
    idempotency_key,
    timeout_seconds,
)
from echopoint.flows.models import Flow

NEWEST_FIRST = ("-started_at", "-pk")
# The columns of an execution that can be large, and are answered with.
HEAVY = (
    "flow_snapshot",
    "referenced_flows",
    "runner_inputs",
    "trigger_metadata",
    "error_message",
)
LAUNCH_HEADERS = (
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "maxLength": 255},
        OpenApiParameter.HEADER,
        description="A launch with the same key and parameters is the same launch.",
    ),
    OpenApiParameter(
        "X-Execution-Timeout",
        {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT},
        OpenApiParameter.HEADER,
        description="For how many seconds the launcher may run an ephemeral"
        " execution. It fails when no result comes until `deadline_at`.",
    ),
)
# Of the execution of a node result only its flow is answered with.
ITS_EXECUTION = [
    f"execution__{field.name}"
    for field in Execution._meta.concrete_fields
    if field.name not in {"id", "flow"}
]


def by_keys(queryset):
    """Return the executions with the keys whose ids their answers name."""
    return queryset.select_related("launched_by_key", "completed_by_key")


def with_flow(results):
    """Return node results with the flow that their answers name, and no more of it."""
    return results.select_related("execution").defer(*ITS_EXECUTION)


def name_place(use, execution):
    """Record the key's use at the execution's pipeline, or else at its flow."""
    if use:
        told = execution.trigger_metadata
        use.name_place(
            pipeline(*(told.get(name, "") for name in CI_FIELDS))
            or thing("flow", execution.flow_name, execution.flow_id)
        )


def count(organization):
    """Count a launch; raise `RateExceeded` for more than an organization may do."""
    limit = settings.LAUNCHES_PER_MINUTE
    rate = rate_limits.hit("launches", organization.pk, limit)
    if rate.is_exceeded:
        raise RateExceeded(
            rate,
            f"This organization may launch {limit} executions per minute. Try again in"
            f" {rate.reset} s.",
        )


class LaunchViewSet(OrgScopedViewSet):
    """The launch of a flow."""

    tag = "Executions"
    queryset = Flow.objects.select_related("organization")
    api_actions = {
        "launch": Action(
            id="launchFlow",
            scopes=["flows:execute"],
            headers=LAUNCH_HEADERS,
            body=LaunchFlowRequestSerializer,
            answer=LaunchFlowAcceptedResponseSerializer,
            status=202,
            conflicts=True,
        )
    }

    def launch(self, request, id):
        """Launch the flow. The answer, and no later one, has the secrets among its inputs.

        An ephemeral execution is run by its launcher, a self-hosted one waits for a
        runner. With an Idempotency-Key the launch can be sent again: it answers with the
        same execution, and says so in the header Idempotent-Replayed.
        """
        count(self.organization)
        caller = Caller.of(request)
        execution, replayed = Execution.objects.launch(
            self.get_object(),
            by=caller,
            idempotency_key=idempotency_key(request.headers),
            timeout_seconds=timeout_seconds(request.headers),
            **self.body(),
        )
        name_place(self.use, execution)
        reads_secrets = execution.was_launched_by(caller)
        kind = LaunchedExecutionSerializer if reads_secrets else FlowExecutionSerializer
        response = Response({"execution": kind(execution).data}, 202)
        if replayed:
            response["Idempotent-Replayed"] = "true"
        return response


class EphemeralExecutionViewSet(OrgScopedViewSet):
    """Executions that run where they were launched."""

    tag = "Runners"
    queryset = by_keys(Execution.objects.all())
    api_actions = {
        "complete": Action(
            id="completeEphemeralExecution",
            scopes=["runner:complete"],
            session_scopes=["flows:execute"],
            body=EphemeralCompletionRequestSerializer,
            recording=True,
            answer=EphemeralCompletionResponseSerializer,
            conflicts=True,
        )
    }

    def get_queryset(self):
        return super().get_queryset().filter(runner_type="ephemeral")

    def complete(self, request, executionId):
        """Publish how the run ended. The same end can be sent again; another is a conflict."""
        execution = self.find(self.get_queryset(), executionId)
        name_place(self.use, execution)
        execution = execution.complete(
            Completion.of(self.body()), by=Caller.of(request)
        )
        nodes = execution.node_results.all()
        return self.show({"execution": execution, "nodes": nodes})


class OverdueEnded(OrgScopedViewSet):
    """Base of the reads: it ends executions past their deadline first."""

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        try:
            Execution.objects.end_overdue(self.organization)
        except Error as error:
            # Reads go on while the database takes no changes.
            if not is_unavailable(error):
                raise
            log_unavailable(error)


class ExecutionViewSet(OverdueEnded):
    """All executions of the organization, those of deleted flows too."""

    tag = "Executions"
    queryset = Execution.objects.order_by(*NEWEST_FIRST)
    serializer_class = FlowExecutionActivitySerializer
    large_columns = ("error_message",)
    api_actions = {
        "list": Action(id="listExecutions", scopes=["flows:read"], many=Many.PAGED),
        "retrieve": Action(
            id="getExecutionById",
            scopes=["flows:read"],
            answer=FlowExecutionSerializer,
        ),
        "cancel": Action(
            id="cancelExecution",
            scopes=["flows:execute"],
            answer=FlowExecutionSerializer,
            conflicts=True,
        ),
    }

    @extend_schema(parameters=[ExecutionQuerySerializer])
    def list(self, request):
        """Return executions, the newest first."""
        return super().list(request)

    def retrieve(self, request, id):
        """Return an execution, of a deleted flow too."""
        return self.show(self.get_object())

    def cancel(self, request, id):
        """Cancel an execution. Whatever runs it goes on until it publishes, in vain.

        One that is cancelled already stays so; one that has ended otherwise is a conflict.
        """
        return self.show(self.get_object().cancel(by=Caller.of(request)))

    def get_object(self):
        rows = by_keys(Execution.objects.for_org(self.organization)).defer("result")
        return self.find(rows, self.kwargs["id"])

    def get_queryset(self):
        # What a list shows is little; the snapshots and results stay where they are.
        shown = FlowExecutionActivitySerializer().fields
        columns = {field.name for field in Execution._meta.concrete_fields}
        rows = super().get_queryset().only(*columns & {*shown, "flow", "organization"})
        query = ExecutionQuerySerializer(data=self.asked())
        query.is_valid(raise_exception=True)
        return rows.matching(**query.validated_data)

    def asked(self):
        """Return the parameters of the query, without those of the page."""
        return self.request.query_params.dict()


class FlowExecutionViewSet(OverdueEnded):
    """The executions of a flow, which is in the path and must be the organization's."""

    tag = "Executions"
    queryset = by_keys(Execution.objects.order_by(*NEWEST_FIRST)).defer("result")
    large_columns = HEAVY
    serializer_class = FlowExecutionSerializer
    api_actions = {
        "list": Action(id="listFlowExecutions", scopes=["flows:read"], many=Many.PAGED),
        "retrieve": Action(id="getExecution", scopes=["flows:read"]),
    }

    @cached_property
    def flow(self):
        """Return the flow in the path, or answer 404."""
        ids = self.kwargs
        flows = Flow.objects.for_org(self.organization)
        return self.find(flows, ids.get("flowId", ids.get("id")))

    def get_queryset(self):
        return super().get_queryset().filter(flow=self.flow)

    def get_object(self):
        return self.find(self.get_queryset(), self.kwargs["executionId"])

    def list(self, request, id):
        """Return the executions of the flow, the newest first."""
        return super().list(request)

    def retrieve(self, request, flowId, executionId):
        return self.show(self.get_object())


class NodeResultViewSet(FlowExecutionViewSet):
    """What the nodes of an execution gave."""

    serializer_class = NodeExecutionResultSerializer
    api_actions = {
        "list": Action(
            id="getExecutionNodeResults", scopes=["flows:read"], many=Many.BARE
        ),
        "retrieve": Action(id="getNodeExecutionResult", scopes=["flows:read"]),
    }

    def list(self, request, flowId, executionId):
        """Return the results of all nodes, in the order they came in; no pages."""
        rows = with_flow(self.get_object().node_results)
        return Response(self.get_serializer(rows, many=True).data)

    def retrieve(self, request, flowId, executionId, nodeId):
        rows = with_flow(self.get_object().node_results)
        return self.show(get_object_or_404(rows, node_id=nodeId))


class NodeHistoryViewSet(FlowExecutionViewSet):
    """How a node went, from execution to execution."""

    serializer_class = NodeExecutionResultSerializer
    large_columns = ("result", "error_message", "skip_reason", "display_name")
    list_name = "NodeExecutionHistoryResponse"
    api_actions = {
        "list": Action(
            id="getNodeExecutionHistory", scopes=["flows:read"], many=Many.PAGED
        )
    }

    def list(self, request, flowId, nodeId):
        """Return the results of the node, those of the newest execution first."""
        rows = NodeResult.objects.filter(
            execution__organization=self.organization,
            execution__flow=self.flow,
            node_id=nodeId,
        ).order_by("-execution__started_at", "-execution_id")
        rows = with_flow(rows)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
