"""Executions, their node results, and the runners with their jobs."""

from echopoint.executions.models.execution import Execution
from echopoint.executions.models.job import RunnerJob
from echopoint.executions.models.job_event import JobEvent
from echopoint.executions.models.node_result import NodeResult
from echopoint.executions.models.runner import Runner

__all__ = ["Execution", "JobEvent", "NodeResult", "Runner", "RunnerJob"]
