"""Run a flow, node after node, and return the document that tells how it went."""

import asyncio
import time
from collections.abc import Callable

from echopoint.cli.engine.http_send import silence
from echopoint.cli.engine.nodes import Attempt, blank, now
from echopoint.cli.engine.order import in_order, runs_always
from echopoint.cli.engine.package import require_package
from echopoint.cli.engine.stage import Stage
from echopoint.cli.engine.threads import DaemonThreads

CANCELLED = "CANCELLED"
CANCELLED_MESSAGE = "The run was cancelled."
# For what is in flight to let go, once it is told to.
GRACE = 0.1  # seconds

Progress = Callable[[dict], None]


def _no_progress(event: dict) -> None:
    """Tell nobody."""


async def run_flow(
    package: dict,
    *,
    progress: Progress = _no_progress,
    cancelled: asyncio.Event | None = None,
    cleanup_over: asyncio.Event | None = None,
    strict_variables: bool = False,
) -> dict:
    """Run the flow of an ephemeral package and return its result document.

    The package is `{execution_id, flow_id, flow_definition, inputs, referenced_flows}`
    with, in addition, `secret_input_keys`: the values of those inputs are in nothing
    that is returned or told. The document is `{status, started_at, completed_at,
    duration_ms, result, error_message?, error_code?}`; status is "completed" or
    "failed".

    Nodes run one at a time, each once all that lead to it are done. Any failure ends
    the nodes that run on success: those left are recorded as skipped. Those that run
    always come last, and one that fails does not stop the others.

    `progress` is called with `{type, payload}` as nodes start and end. Once `cancelled`
    is set, the node in flight fails with CANCELLED, and of the others only those run that
    always do, until `cleanup_over` is set; without it they get no time.

    A template that names nothing is sent as it is written, and is in `missing_inputs` of
    its node; with `strict_variables` the node fails before it does anything.

    Raises InvalidPackage and UnsupportedFlow before anything runs.
    """
    package = require_package(package)
    silence()
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    async with Stage(
        package["inputs"],
        package["secret_input_keys"],
        execution_id=package["execution_id"],
        is_strict=strict_variables,
    ) as stage:
        cancelled = cancelled or asyncio.Event()
        run = Run(package, stage, progress, cancelled, cleanup_over or cancelled)
        return await run.document()


class Run:
    """A flow while it runs: what came of its nodes so far."""

    def __init__(
        self,
        package: dict,
        stage: Stage,
        progress: Progress,
        cancelled: asyncio.Event,
        cleanup_over: asyncio.Event,
    ):
        self.package = package
        self.definition = package["flow_definition"]
        self.stage = stage
        self.recorder = stage.recorder
        self.progress = progress
        self.cancelled = cancelled
        self.cleanup_over = cleanup_over
        self.results: dict[str, dict] = {}
        self.failure: dict = {}
        self.failed_node = ""

    async def document(self) -> dict:
        """Run all nodes and return what a runner writes to its stdout."""
        started_at, began = now(), time.monotonic()
        self._tell(
            "flow.started",
            execution_id=self.package["execution_id"],
            flowName=self.recorder.text(str(self.definition.get("name") or "")),
        )
        for node in in_order(self.definition):
            await self._step(node)
        duration = round((time.monotonic() - began) * 1000)
        return {
            "status": "failed" if self.failure else "completed",
            "started_at": started_at,
            "completed_at": now(),
            "duration_ms": duration,
            "result": self._result(duration),
            **self.failure,
        }

    def _result(self, duration: int) -> dict:
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

    async def _step(self, node: dict) -> None:
        if reason := self._reason_to_skip(node):
            result = blank(node) | {
                "display_name": self.recorder.text(node["display_name"]),
                "error_code": "NODE_SKIPPED",
                "skip_reason": reason,
            }
        else:
            result = await self._run(node)
        self.results[node["id"]] = self.recorder.fit(result)

    def _reason_to_skip(self, node: dict) -> str:
        if self.cancelled.is_set():
            self._fail(CANCELLED, CANCELLED_MESSAGE)
            return CANCELLED_MESSAGE if self._end_of(node).is_set() else ""
        if self.failure and not runs_always(node):
            return f'The node "{self.failed_node}" failed before this one.'
        return ""

    async def _run(self, node: dict) -> dict:
        attempt = Attempt(node, self.stage)
        result = attempt.result
        named = {"nodeId": node["id"], "displayName": result["display_name"]}
        self._tell("node.started", **named, nodeType=node["type"])
        if not await self._ended(attempt):
            attempt.fail(CANCELLED, CANCELLED_MESSAGE)
            attempt.finish()
        told = named | {"duration": result["duration_ms"]}
        if missing := result.get("missing_inputs"):
            told["missingInputs"] = missing
        if "error_code" not in result:
            self._tell("node.completed", **told, success=True)
            return result
        self.failed_node = self.failed_node or result["display_name"]
        self._fail(result["error_code"], result["error_message"])
        self._tell("node.failed", **told, success=False, error=result["error_message"])
        return result

    def _end_of(self, node: dict) -> asyncio.Event:
        """Return the event at which the node may run no longer."""
        return self.cleanup_over if runs_always(node) else self.cancelled

    async def _ended(self, attempt: Attempt) -> bool:
        """Return True if the node finished, False if it was stopped."""
        running = asyncio.create_task(attempt.run())
        stop = asyncio.create_task(self._end_of(attempt.node).wait())
        try:
            await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return True
            return False
        finally:
            running.cancel()
            stop.cancel()
            await asyncio.wait({running, stop}, timeout=GRACE)

    def _fail(self, code: str, message: str) -> None:
        """Let the run fail for its first failure, or for being cancelled."""
        if not self.failure or code == CANCELLED:
            self.failure = {"error_code": code, "error_message": message}

    def _tell(self, kind: str, **payload) -> None:
        self.progress({"type": kind, "payload": payload | {"timestamp": now()}})
