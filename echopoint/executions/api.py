"""Endpoints that list, show and cancel executions."""

from django.db import Error
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema

from echopoint.api.actions import Action, Many
from echopoint.api.exceptions import log_unavailable
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.availability import is_unavailable
from echopoint.core.replica.writes import mark_written
from echopoint.executions.callers import Caller
from echopoint.executions.models import Execution
from echopoint.executions.serializers import (
    ExecutionQuerySerializer,
    FlowExecutionActivitySerializer,
    FlowExecutionSerializer,
)
from echopoint.flows.models import Flow

NEWEST_FIRST = ("-started_at", "-pk")


class ExpiringViewSet(OrgScopedViewSet):
    """Base of the read endpoints: fails overdue executions before it reads."""

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        try:
            if Execution.objects.end_overdue(self.organization):
                mark_written(self.organization.pk)
        except Error as error:
            # A read-only database must still serve reads.
            if not is_unavailable(error):
                raise
            log_unavailable(error)


class ExecutionViewSet(ExpiringViewSet):
    """All executions of the organization, including those of deleted flows."""

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
        """Return an execution. Its flow may have been deleted."""
        return self.show(self.get_object())

    def cancel(self, request, id):
        """Cancel an execution. Its runner is not interrupted, but its result is refused.

        Cancelling twice changes nothing; an execution that completed or failed is a
        conflict.
        """
        return self.show(self.get_object().cancel(by=Caller.of(request)))

    def get_object(self):
        rows = Execution.objects.for_org(self.organization).with_keys().defer("result")
        return self.find(rows, self.kwargs["id"])

    def get_queryset(self):
        # Snapshots and results can be megabytes each and are not in the list, so only
        # its own columns are read.
        listed = FlowExecutionActivitySerializer().fields
        columns = {field.name for field in Execution._meta.concrete_fields}
        rows = super().get_queryset().only(*columns & {*listed, "flow", "organization"})
        query = ExecutionQuerySerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        return rows.matching(**query.validated_data)


class FlowExecutionViewSet(ExpiringViewSet):
    """The executions of the flow in the path."""

    tag = "Executions"
    queryset = Execution.objects.with_keys().order_by(*NEWEST_FIRST).defer("result")
    large_columns = (
        "flow_snapshot",
        "referenced_flows",
        "runner_inputs",
        "trigger_metadata",
        "error_message",
    )
    serializer_class = FlowExecutionSerializer
    api_actions = {
        "list": Action(id="listFlowExecutions", scopes=["flows:read"], many=Many.PAGED),
        "retrieve": Action(id="getExecution", scopes=["flows:read"]),
    }

    @cached_property
    def flow(self):
        """The flow in the path; 404 unless the organization owns it."""
        ids = self.kwargs
        flows = Flow.objects.using(self.database).for_org(self.organization)
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
