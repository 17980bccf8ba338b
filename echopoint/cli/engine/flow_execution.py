"""Run a flow, one wave of nodes after the other, and return the result document."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from echopoint.cli.engine.context import RunContext
from echopoint.cli.engine.graph import node_waves
from echopoint.cli.engine.http_send import disable_http_logging
from echopoint.cli.engine.node_execution import NodeExecution, now
from echopoint.cli.engine.threads import DaemonThreads
from echopoint.cli.engine.validation import require_package
from echopoint.cli.network import Tls
from echopoint.flow_language.events import (
    FLOW_STARTED,
    NODE_COMPLETED,
    NODE_FAILED,
    NODE_STARTED,
)
from echopoint.flow_language.graph import runs_always
from echopoint.flow_language.results import SKIPPED

CANCELLED = "CANCELLED"
CANCELLED_MESSAGE = "The run was cancelled."
# Time for a cancelled node to close its connections.
CANCEL_SECONDS = 0.1  # seconds
MAX_CONCURRENT = 16  # nodes

Progress = Callable[[dict[str, Any]], None]


def _no_progress(event: dict[str, Any]) -> None:
    """Ignore the event."""


async def run_flow(
    package: dict[str, Any],
    *,
    progress: Progress = _no_progress,
    cancelled: asyncio.Event | None = None,
    cleanup_over: asyncio.Event | None = None,
    strict_variables: bool = False,
    tls: Tls | None = None,
) -> dict[str, Any]:
    """Run the flow of an ephemeral package and return its result document.

    The package is `{execution_id, flow_id, flow_definition, inputs, referenced_flows}`
    plus `secret_input_keys`: the values of those inputs never appear in the result or in
    events. The document is `{status, started_at, completed_at,
    duration_ms, result, error_message?, error_code?}`; status is "completed" or
    "failed".

    A node is ready once all its predecessors are done. Ready nodes run concurrently and
    cannot read each other's outputs. After a failure, concurrent nodes still finish, and the
    remaining `on_success` nodes are recorded as skipped. `run_when: always` nodes run last;
    their failures do not stop the others, and those that read a node without outputs are
    skipped.

    `progress` is called with `{type, payload}` as nodes start and end. Once `cancelled`
    is set, running nodes fail with CANCELLED, and only `run_when: always` nodes still run,
    until `cleanup_over` is set. Without `cleanup_over` they are cancelled too.

    A template with an unknown reference is sent unchanged and listed in `missing_inputs` of
    its node; with `strict_variables` the node fails before it runs. `tls` overrides the
    trusted and client certificates of the environment.

    Raises InvalidPackage and UnsupportedFlow before anything runs.
    """
    package = require_package(package)
    disable_http_logging()
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    async with RunContext(
        package["inputs"],
        package["secret_input_keys"],
        execution_id=package["execution_id"],
        is_strict=strict_variables,
        tls=tls,
    ) as context:
        cancelled = cancelled or asyncio.Event()
        execution = FlowExecution(
            package, context, progress, cancelled, cleanup_over or cancelled
        )
        return await execution.document()


def skip_of_dependency(dependency: dict[str, Any]) -> tuple[str, str]:
    """Return the code and the message for skipping a node that reads this one."""
    name = dependency["display_name"]
    if dependency["error_code"] == SKIPPED:
        return "dependency_skipped", f'It reads the node "{name}", which was skipped.'
    return "dependency_failed", f'It reads the node "{name}", which failed.'


class FlowExecution:
    """The execution of one flow, with the results of its nodes so far."""

    def __init__(
        self,
        package: dict[str, Any],
        context: RunContext,
        progress: Progress,
        cancelled: asyncio.Event,
        cleanup_over: asyncio.Event,
    ):
        self.package = package
        self.definition = package["flow_definition"]
        self.context = context
        self.recorder = context.recorder
        self.progress = progress
        self.cancelled = cancelled
        self.cleanup_over = cleanup_over
        self.results: dict[str, dict[str, Any]] = {}
        self.failure: dict[str, Any] = {}
        self.failed_node = ""

    async def document(self) -> dict[str, Any]:
        """Run all nodes and return the result document, as a runner writes it to stdout."""
        started_at, began = now(), time.monotonic()
        self._report(
            FLOW_STARTED,
            execution_id=self.package["execution_id"],
            flowName=self.recorder.text(str(self.definition.get("name") or "")),
        )
        for wave in node_waves(self.definition):
            await self._run_together(wave)
        if self.cancelled.is_set():
            # A cancelled run has not passed, even if all remaining nodes did.
            self._fail(CANCELLED, CANCELLED_MESSAGE)
        duration = round((time.monotonic() - began) * 1000)
        return {
            "status": "failed" if self.failure else "completed",
            "started_at": started_at,
            "completed_at": now(),
            "duration_ms": duration,
            "result": self._result(duration),
            **self.failure,
        }

    def _result(self, duration: int) -> dict[str, Any]:
        return {
            "execution_results": self.results,
            "final_outputs": {
                f"{node_id}.{key}": value
                for node_id, result in self.results.items()
                for key, value in result["outputs"].items()
            },
            "success": not self.failure,
            "duration_ms": duration,
            **self.failure,
        }

    async def _run_together(self, wave: list[dict[str, Any]]) -> None:
        slots = asyncio.Semaphore(MAX_CONCURRENT)
        executions = [NodeExecution(node, self.context) for node in wave]
        await asyncio.gather(
            *(self._run_or_skip(execution, slots) for execution in executions)
        )
        for execution in executions:
            result = execution.result
            self.results[execution.node["id"]] = self.recorder.fit(result)
            code = result.get("error_code")
            if code is None:
                self.context.add(execution.node["id"], *execution.outputs)
            elif code != SKIPPED:
                self.failed_node = self.failed_node or result["display_name"]
                self._fail(code, result["error_message"])

    async def _run_or_skip(
        self, execution: NodeExecution, slots: asyncio.Semaphore
    ) -> None:
        async with slots:
            execution.begin()
            if reason := self._reason_to_skip(execution):
                execution.skip(*reason)
            else:
                await self._run(execution)

    def _reason_to_skip(self, execution: NodeExecution) -> tuple[str, str] | None:
        """Return the code and the message if the node must be skipped.

        The codes are those of the public runner.
        """
        if self.cancelled.is_set():
            self._fail(CANCELLED, CANCELLED_MESSAGE)
        if self._stop_event(execution.node).is_set():
            return "cancelled", CANCELLED_MESSAGE
        if runs_always(execution.node):
            return self._skip_of_dependency(execution)
        if self.failure:
            message = f'The node "{self.failed_node}" failed before this one.'
            return "aborted_after_failure", message
        return None

    def _skip_of_dependency(self, execution: NodeExecution) -> tuple[str, str] | None:
        for name in execution.references():
            for id, result in self.results.items():
                code = result.get("error_code")
                if code and name.startswith(f"{id}."):
                    execution.real.missing[name] = None
                    return skip_of_dependency(result)
        return None

    async def _run(self, execution: NodeExecution) -> None:
        node, result = execution.node, execution.result
        names = {"nodeId": node["id"], "displayName": result["display_name"]}
        self._report(NODE_STARTED, **names, nodeType=node["type"])
        if not await self._run_until_stopped(execution):
            execution.fail(CANCELLED, CANCELLED_MESSAGE)
            execution.finish()
        payload = names | {"duration": result["duration_ms"]}
        if missing := result.get("missing_inputs"):
            payload["missingInputs"] = missing
        if "error_code" not in result:
            self._report(NODE_COMPLETED, **payload, success=True)
            return
        self._report(
            NODE_FAILED, **payload, success=False, error=result["error_message"]
        )

    def _stop_event(self, node: dict[str, Any]) -> asyncio.Event:
        """Return the event that stops the node."""
        return self.cleanup_over if runs_always(node) else self.cancelled

    async def _run_until_stopped(self, execution: NodeExecution) -> bool:
        """Return True if the node finished, False if it was stopped."""
        running = asyncio.create_task(execution.run())
        stop = asyncio.create_task(self._stop_event(execution.node).wait())
        try:
            await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return True
            return False
        finally:
            running.cancel()
            stop.cancel()
            await asyncio.wait({running, stop}, timeout=CANCEL_SECONDS)

    def _fail(self, code: str, message: str) -> None:
        """Record the first failure of the run. Cancellation replaces any other failure."""
        if not self.failure or code == CANCELLED:
            self.failure = {"error_code": code, "error_message": message}

    def _report(self, kind: str, **payload: object) -> None:
        self.progress({"type": kind, "payload": payload | {"timestamp": now()}})
