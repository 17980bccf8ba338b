"""Run a flow, wave by wave of nodes, and return the document that tells how it went."""

import asyncio
import time
from collections.abc import Callable

from echopoint.cli.engine.context import Stage
from echopoint.cli.engine.graph import in_waves
from echopoint.cli.engine.http_send import silence
from echopoint.cli.engine.nodes import Attempt, now
from echopoint.cli.engine.threads import DaemonThreads
from echopoint.cli.engine.validation import require_package
from echopoint.cli.network import Tls
from echopoint.flow_language.events import (
    FLOW_STARTED,
    NODE_COMPLETED,
    NODE_FAILED,
    NODE_STARTED,
)
from echopoint.flow_language.order import runs_always
from echopoint.flow_language.results import SKIPPED

CANCELLED = "CANCELLED"
CANCELLED_MESSAGE = "The run was cancelled."
# For what is in flight to let go, once it is told to.
GRACE = 0.1  # seconds
MOST_AT_ONCE = 16  # nodes

Progress = Callable[[dict], None]


def _no_progress(event: dict) -> None:
    """Ignore the event."""


async def run_flow(
    package: dict,
    *,
    progress: Progress = _no_progress,
    cancelled: asyncio.Event | None = None,
    cleanup_over: asyncio.Event | None = None,
    strict_variables: bool = False,
    tls: Tls | None = None,
) -> dict:
    """Run the flow of an ephemeral package and return its result document.

    The package is `{execution_id, flow_id, flow_definition, inputs, referenced_flows}`
    with, in addition, `secret_input_keys`: the values of those inputs are in nothing
    that is returned or told. The document is `{status, started_at, completed_at,
    duration_ms, result, error_message?, error_code?}`; status is "completed" or
    "failed".

    Nodes that are ready run together, each once all that lead to it are done, and read no
    outputs of each other. A failure lets those beside it end, and the nodes left that run
    on success are recorded as skipped. Those that run always come last; one that fails
    does not stop the others, and one that reads a node without outputs is skipped.

    `progress` is called with `{type, payload}` as nodes start and end. Once `cancelled`
    is set, the node in flight fails with CANCELLED, and of the others only those run that
    always do, until `cleanup_over` is set; without it they get no time.

    A template that names nothing is sent as it is written, and is in `missing_inputs` of
    its node; with `strict_variables` the node fails before it does anything. `tls` says
    which certificates are trusted and shown, if not those of the environment.

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
        tls=tls,
    ) as stage:
        cancelled = cancelled or asyncio.Event()
        run = Run(package, stage, progress, cancelled, cleanup_over or cancelled)
        return await run.document()


def why_without(dependency: dict) -> tuple[str, str]:
    """Return the code and the words for skipping what reads a node without outputs."""
    name = dependency["display_name"]
    if dependency["error_code"] == SKIPPED:
        return "dependency_skipped", f'It reads the node "{name}", which was skipped.'
    return "dependency_failed", f'It reads the node "{name}", which failed.'


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
            FLOW_STARTED,
            execution_id=self.package["execution_id"],
            flowName=self.recorder.text(str(self.definition.get("name") or "")),
        )
        for wave in in_waves(self.definition):
            await self._run_together(wave)
        if self.cancelled.is_set():
            # A run that was stopped did not pass, even if all nodes that were left did.
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

    async def _run_together(self, wave: list[dict]) -> None:
        places = asyncio.Semaphore(MOST_AT_ONCE)
        attempts = [Attempt(node, self.stage) for node in wave]
        await asyncio.gather(*(self._step(attempt, places) for attempt in attempts))
        for attempt in attempts:
            result = attempt.result
            self.results[attempt.node["id"]] = self.recorder.fit(result)
            code = result.get("error_code")
            if code is None:
                self.stage.add(attempt.node["id"], *attempt.outputs)
            elif code != SKIPPED:
                self.failed_node = self.failed_node or result["display_name"]
                self._fail(code, result["error_message"])

    async def _step(self, attempt: Attempt, places: asyncio.Semaphore) -> None:
        async with places:
            attempt.begin()
            if reason := self._reason_to_skip(attempt):
                attempt.skip(*reason)
            else:
                await self._run(attempt)

    def _reason_to_skip(self, attempt: Attempt) -> tuple[str, str] | None:
        """Return the code and the words for it, if the node is to be skipped.

        The codes are those of the public runner.
        """
        if self.cancelled.is_set():
            self._fail(CANCELLED, CANCELLED_MESSAGE)
        if self._end_of(attempt.node).is_set():
            return "cancelled", CANCELLED_MESSAGE
        if runs_always(attempt.node):
            return self._without_dependency(attempt)
        if self.failure:
            message = f'The node "{self.failed_node}" failed before this one.'
            return "aborted_after_failure", message
        return None

    def _without_dependency(self, attempt: Attempt) -> tuple[str, str] | None:
        for name in attempt.references():
            for id, result in self.results.items():
                code = result.get("error_code")
                if code and name.startswith(f"{id}."):
                    attempt.real.missing[name] = None
                    return why_without(result)
        return None

    async def _run(self, attempt: Attempt) -> None:
        node, result = attempt.node, attempt.result
        named = {"nodeId": node["id"], "displayName": result["display_name"]}
        self._tell(NODE_STARTED, **named, nodeType=node["type"])
        if not await self._ended(attempt):
            attempt.fail(CANCELLED, CANCELLED_MESSAGE)
            attempt.finish()
        told = named | {"duration": result["duration_ms"]}
        if missing := result.get("missing_inputs"):
            told["missingInputs"] = missing
        if "error_code" not in result:
            self._tell(NODE_COMPLETED, **told, success=True)
            return
        self._tell(NODE_FAILED, **told, success=False, error=result["error_message"])

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
