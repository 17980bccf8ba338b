"""Executions of flows, what their nodes gave, and the runners that take them on."""

from echopoint.executions.models.execution import Execution
from echopoint.executions.models.job import JobEvent, RunnerJob
from echopoint.executions.models.node_result import NodeResult
from echopoint.executions.models.runner import Runner

__all__ = ["Execution", "JobEvent", "NodeResult", "Runner", "RunnerJob"]
