"""Endpoints that launch flows, and that publish results of ephemeral executions."""

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apikeys.places import CI_FIELDS, pipeline, thing
from echopoint.api.actions import Action
from echopoint.api.exceptions import RateExceeded
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core import rate_limits
from echopoint.executions.callers import Caller
from echopoint.executions.completion import Completion
from echopoint.executions.launch_serializers import (
    MAX_TIMEOUT,
    LaunchFlowAcceptedResponseSerializer,
    LaunchFlowRequestSerializer,
    idempotency_key,
    timeout_seconds,
)
from echopoint.executions.models import Execution
from echopoint.executions.serializers import (
    EphemeralCompletionRequestSerializer,
    EphemeralCompletionResponseSerializer,
    FlowExecutionSerializer,
    LaunchedExecutionSerializer,
)
from echopoint.flows.models import Flow

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
        description="How many seconds the launcher may run an ephemeral execution."
        " It fails if no result is published by `deadline_at`.",
    ),
)


def record_place(use, execution):
    """Record that the key was used by the execution's pipeline, or else for its flow."""
    if use:
        metadata = execution.trigger_metadata
        use.name_place(
            pipeline(*(metadata.get(name, "") for name in CI_FIELDS))
            or thing("flow", execution.flow_name, execution.flow_id)
        )


def count_launch(organization):
    """Count a launch; raise `RateExceeded` if the organization is over its limit."""
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
        """Launch the flow. Only this response contains the values of secret inputs.

        The launcher runs an ephemeral execution. A self-hosted execution is queued for
        a runner. With an Idempotency-Key the request can be repeated: the response has
        the same execution and the header Idempotent-Replayed.
        """
        count_launch(self.organization)
        caller = Caller.of(request)
        execution, replayed = Execution.objects.launch(
            self.get_object(),
            by=caller,
            idempotency_key=idempotency_key(request.headers),
            timeout_seconds=timeout_seconds(request.headers),
            **self.body(),
        )
        record_place(self.use, execution)
        # Another caller can guess or share an Idempotency-Key: a replay to anyone but
        # the launcher must not reveal the secrets.
        reads_secrets = execution.was_launched_by(caller)
        kind = LaunchedExecutionSerializer if reads_secrets else FlowExecutionSerializer
        response = Response({"execution": kind(execution).data}, 202)
        if replayed:
            response["Idempotent-Replayed"] = "true"
        return response


class EphemeralExecutionViewSet(OrgScopedViewSet):
    """Executions that the launcher runs."""

    tag = "Runners"
    queryset = Execution.objects.with_keys()
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
        # The result of a self-hosted execution must come from the runner that holds
        # its job, so this endpoint does not accept one.
        return super().get_queryset().filter(runner_type="ephemeral")

    def complete(self, request, executionId):
        """Publish the result. Repeating it is safe; a different result is a conflict."""
        execution = self.find(self.get_queryset(), executionId)
        record_place(self.use, execution)
        execution = execution.complete(
            Completion.of(self.body()), by=Caller.of(request)
        )
        nodes = execution.node_results.all()
        return self.show({"execution": execution, "nodes": nodes})
