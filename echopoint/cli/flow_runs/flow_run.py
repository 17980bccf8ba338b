"""One flow from its launch to its published result."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from echopoint.cli.client import Client
from echopoint.cli.engine import InvalidPackage, UnsupportedFlow
from echopoint.cli.exceptions import ERROR, FAILED, ApiError, CommandError
from echopoint.cli.flow_runs.cancellation import Stop
from echopoint.cli.flow_runs.final_outcome import end_of, unpublished, worst
from echopoint.cli.flow_runs.launch import Launched, age_of, launch, recorded
from echopoint.cli.flow_runs.outcome import EXIT_CODES, Outcome, nodes_of_result
from echopoint.cli.flow_runs.package_runner import run_package
from echopoint.cli.flow_runs.progress import Progress
from echopoint.cli.flow_runs.publication import failure, publish, timestamp
from echopoint.cli.flow_runs.run_options import Order
from echopoint.cli.flow_runs.variables import Replacements
from echopoint.cli.terminal import say

# How long what is being awaited may take once it is to end, in seconds.
GRACE = 5.0
ALREADY_COMPLETED = 409


class Flow:
    """A flow that is executed: it holds what the steps need of each other."""

    def __init__(
        self,
        flow_id: str,
        key: str,
        *,
        client: Client,
        order: Order,
        progress: Progress,
        report_unused: Callable[[set[str]], None],
    ):
        self.flow_id = flow_id
        self.key = key
        self.client = client
        self.order = order
        self.progress = progress
        # Called with the names of --var that the flow does not read.
        self.report_unused = report_unused
        self.started = time.monotonic()
        self.started_at = timestamp(datetime.now(UTC))

    async def execute(self, stop: Stop) -> Outcome:
        """Launch, run and publish. Whatever goes wrong is the outcome of this flow."""
        self.started = time.monotonic()
        self.started_at = timestamp(datetime.now(UTC))
        try:
            launched = await within(stop.event, self.launch())
            if launched is None:
                return self.never_launched(stop)
        except CommandError as error:
            return self.error(error)
        if launched.is_over:
            self.tell(
                f"{launched.name}: answered from execution {launched.id}, which an"
                " earlier launch with this idempotency key made."
            )
            self.tell_unused_variables(launched)
            return await recorded(self.client, launched)
        self.progress.launched(launched)
        try:
            package = launched.package()
            replacements = self.order.variables.for_flow(package)
            launched.require_secrets(replacements.values)
        except CommandError as error:
            return self.error(error, execution_id=launched.id, name=launched.name)
        self.report_variables(launched, replacements)
        return await self.run(launched, replacements.apply_to(package), stop)

    def error(self, error: CommandError, **known: Any) -> Outcome:
        return Outcome(
            self.flow_id,
            ERROR,
            duration_ms=self.elapsed_ms,
            error_message=error.message,
            started_at=self.started_at,
            **known,
        )

    def report_variables(self, launched: Launched, replacements: Replacements) -> None:
        """Report the inputs that differ from those that the API has recorded."""
        if names := ", ".join(replacements.values):
            self.tell(
                f"[{launched.name}] Variables replaced on the command line: {names}."
            )
        self.report_unused(replacements.unused)

    def tell_unused_variables(self, launched: Launched) -> None:
        """Say that an answer from an earlier execution is one for its own inputs."""
        if self.order.variables.public or self.order.variables.secret:
            self.tell(
                f"[{launched.name}] Warning: the variables of the command line were not"
                " used. Give another --idempotency-key to run with them."
            )

    async def launch(self) -> Launched:
        return await launch(self.client, self.order, self.flow_id, self.key)

    def never_launched(self, stop: Stop) -> Outcome:
        """The launch was not answered before its end; it may still have arrived."""
        return Outcome(
            self.flow_id,
            EXIT_CODES[stop.reason.code],
            duration_ms=self.elapsed_ms,
            error_message=f"{stop.reason.message} Its launch was not answered.",
            started_at=self.started_at,
        )

    async def run(self, launched: Launched, package: dict, stop: Stop) -> Outcome:
        """Run what was launched. It is published in any case: nothing stays running."""
        code = None
        try:
            running = self.run_package(package, stop)
            document = await within(stop.cleanup_over, running)
        except (UnsupportedFlow, InvalidPackage) as error:
            code = ERROR
            document = self.failure("FLOW_VALIDATION_FAILED", error.message)
        except CommandError as error:
            code = ERROR
            document = self.failure("RUNNER_FAILED", error.message)
        if stop.reason and (document is None or document["status"] == "failed"):
            code = EXIT_CODES[stop.reason.code]
            document = self.stopped(stop, document)
        if code is None:
            code = 0 if document["status"] == "completed" else FAILED
        return await self.publish(launched, document, code)

    async def run_package(self, package: dict, stop: Stop) -> dict | None:
        return await run_package(
            package,
            stop,
            order=self.order,
            settings=self.client.settings,
            progress=lambda event: self.progress.event(self.flow_id, event),
        )

    def failure(self, code: str, message: str, result: Any = None) -> dict:
        return failure(code, message, duration_ms=self.elapsed_ms, result=result)

    def stopped(self, stop: Stop, document: dict | None) -> dict:
        """Return the result of a flow that was ended, with the nodes that had run."""
        result = (document or {}).get("result")
        if result:
            code, message = stop.reason
            result = result | {"error_code": code, "error_message": message}
        return self.failure(*stop.reason, result)

    async def publish(self, launched: Launched, document: dict, code: int) -> Outcome:
        """Publish, and return the outcome that is on record in the end."""
        outcome = Outcome(
            self.flow_id,
            code,
            execution_id=launched.id,
            name=launched.name,
            duration_ms=document["duration_ms"],
            error_message=document.get("error_message"),
            nodes=nodes_of_result(document.get("result")),
            started_at=document["started_at"],
            replayed=launched.replayed,
            age_seconds=age_of(launched.execution) if launched.replayed else None,
        )
        try:
            await publish(self.client, launched, document)
        except ApiError as error:
            if error.status == ALREADY_COMPLETED:
                return await self.settle(outcome, error)
            return unpublished(outcome, error)
        except CommandError as error:
            return unpublished(outcome, error)
        return outcome

    async def settle(self, outcome: Outcome, conflict: ApiError) -> Outcome:
        """The execution has ended otherwise: that end is on record.

        The same launch again brings it, without a scope for reading.
        """
        if outcome.exit_code not in (0, FAILED):
            self.tell(f"{outcome.name}: the execution had ended before.")
            return outcome
        try:
            launched = await self.launch()
            if launched.id == outcome.execution_id and launched.is_over:
                ended = end_of(launched)
                self.tell(f"{launched.name}: {ended}; that is on record.")
                found = await recorded(self.client, launched, replayed=outcome.replayed)
                return worst(outcome, found, ended)
        except CommandError as error:
            conflict = error
        return unpublished(outcome, conflict)

    @property
    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def tell(self, text: str) -> None:
        say(text, settings=self.client.settings)


async def within(end: asyncio.Event, work: Awaitable) -> Any:
    """Return what the work returns, or None when it does not end after the event."""
    task = asyncio.ensure_future(work)
    told = asyncio.ensure_future(end.wait())
    try:
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=GRACE)
        return task.result() if task.done() else None
    finally:
        told.cancel()
        task.cancel()
        # Gathered, so that what it still raises is not told by asyncio, values and all.
        await asyncio.gather(task, told, return_exceptions=True)
