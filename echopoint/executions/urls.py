"""URLs of executions, jobs and runners."""

from django.urls import path

from echopoint.executions.api import ExecutionViewSet, FlowExecutionViewSet
from echopoint.executions.jobs.api import RunnerJobViewSet, RunnerViewSet
from echopoint.executions.launch_api import EphemeralExecutionViewSet, LaunchViewSet
from echopoint.executions.node_results_api import NodeHistoryViewSet, NodeResultViewSet

urlpatterns = [
    path("runner/jobs/next", RunnerJobViewSet.as_view({"post": "next"})),
    path("runner/jobs/heartbeat", RunnerJobViewSet.as_view({"post": "heartbeat"})),
    path(
        "runner/jobs/<str:jobId>/events", RunnerJobViewSet.as_view({"post": "events"})
    ),
    path(
        "runner/jobs/<str:jobId>/complete",
        RunnerJobViewSet.as_view({"post": "complete"}),
    ),
    path("runners", RunnerViewSet.as_view({"get": "live"})),
    path("flows/<str:id>/launch", LaunchViewSet.as_view({"post": "launch"})),
    path(
        "runner/ephemeral/executions/<str:executionId>/complete",
        EphemeralExecutionViewSet.as_view({"post": "complete"}),
    ),
    path("executions", ExecutionViewSet.as_view({"get": "list"})),
    path("executions/<str:id>", ExecutionViewSet.as_view({"get": "retrieve"})),
    path("executions/<str:id>/cancel", ExecutionViewSet.as_view({"post": "cancel"})),
    path("flows/<str:id>/executions", FlowExecutionViewSet.as_view({"get": "list"})),
    path(
        "flows/<str:flowId>/executions/<str:executionId>",
        FlowExecutionViewSet.as_view({"get": "retrieve"}),
    ),
    path(
        "flows/<str:flowId>/executions/<str:executionId>/nodes",
        NodeResultViewSet.as_view({"get": "list"}),
    ),
    path(
        "flows/<str:flowId>/executions/<str:executionId>/nodes/<str:nodeId>",
        NodeResultViewSet.as_view({"get": "retrieve"}),
    ),
    path(
        "flows/<str:flowId>/nodes/<str:nodeId>/executions",
        NodeHistoryViewSet.as_view({"get": "list"}),
    ),
]
