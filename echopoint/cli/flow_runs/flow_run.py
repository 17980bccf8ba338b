"""One flow from its launch to its published result."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from echopoint.cli.api_client import ApiClient
from echopoint.cli.engine import InvalidPackage, UnsupportedFlow
from echopoint.cli.exceptions import ERROR, FAILED, ApiError, CommandError
from echopoint.cli.flow_runs.cancellation import (
    CANCELLED,
    Cancellation,
    CancellationReason,
)
from echopoint.cli.flow_runs.final_outcome import (
    stored_ending,
    unpublished_outcome,
    worse_outcome,
)
from echopoint.cli.flow_runs.launch import (
    LaunchedExecution,
    age_of,
    launch,
    stored_outcome,
)
from echopoint.cli.flow_runs.outcome import EXIT_CODES, Outcome, nodes_of_result
from echopoint.cli.flow_runs.package_runner import run_package
from echopoint.cli.flow_runs.progress import Progress
from echopoint.cli.flow_runs.publication import failed_document, publish, timestamp
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.flow_runs.variables import Replacements
from echopoint.cli.output import write_stderr

# How long an awaited task may take after its cancellation, in seconds.
GRACE = 5.0
ALREADY_COMPLETED = 409

T = TypeVar("T")


class FlowRun:
    """One run of a flow."""

    def __init__(
        self,
        flow_id: str,
        key: str,
        *,
        client: ApiClient,
        options: RunOptions,
        progress: Progress,
        report_unused: Callable[[set[str]], None],
    ):
        self.flow_id = flow_id
        self.key = key
        self.client = client
        self.options = options
        self.progress = progress
        # Called with the names of --var that the flow does not read.
        self.report_unused = report_unused
        self.started = time.monotonic()
        self.started_at = timestamp(datetime.now(UTC))

    async def execute(self, cancellation: Cancellation) -> Outcome:
        """Launch, run and publish the flow. Every `CommandError` becomes its outcome."""
        self.started = time.monotonic()
        self.started_at = timestamp(datetime.now(UTC))
        try:
            launched = await result_before(cancellation.event, self.launch())
            if launched is None:
                return self.unlaunched_outcome(cancellation.reason or CANCELLED)
        except CommandError as error:
            return self.error_outcome(error)
        if launched.is_over:
            self.log(
                f"{launched.name}: answered from execution {launched.id}, which an"
                " earlier launch with this idempotency key created."
            )
            self.warn_of_ignored_variables(launched)
            return await stored_outcome(self.client, launched)
        self.progress.show_launch(launched)
        try:
            package = launched.package()
            replacements = self.options.variables.for_flow(package)
            launched.require_secrets(replacements.values)
        except CommandError as error:
            return self.error_outcome(
                error, execution_id=launched.id, name=launched.name
            )
        self.report_variables(launched, replacements)
        return await self.run_and_publish(
            launched, replacements.apply_to(package), cancellation
        )

    def error_outcome(
        self, error: CommandError, *, execution_id: str | None = None, name: str = ""
    ) -> Outcome:
        return Outcome(
            self.flow_id,
            ERROR,
            duration_ms=self.elapsed_ms,
            error_message=error.message,
            started_at=self.started_at,
            execution_id=execution_id,
            name=name,
        )

    def report_variables(
        self, launched: LaunchedExecution, replacements: Replacements
    ) -> None:
        """Report the inputs that differ from those that the API has stored."""
        if names := ", ".join(replacements.values):
            self.log(
                f"[{launched.name}] Variables replaced on the command line: {names}."
            )
        self.report_unused(replacements.unused)

    def warn_of_ignored_variables(self, launched: LaunchedExecution) -> None:
        """Warn that a replayed execution ran with its own inputs."""
        if self.options.variables.public or self.options.variables.secret:
            self.log(
                f"[{launched.name}] Warning: the variables of the command line were not"
                " used. Set another --idempotency-key to run with them."
            )

    async def launch(self) -> LaunchedExecution:
        return await launch(self.client, self.options, self.flow_id, self.key)

    def unlaunched_outcome(self, reason: CancellationReason) -> Outcome:
        """Return the outcome of a cancelled launch, which may still have reached the API."""
        return Outcome(
            self.flow_id,
            EXIT_CODES[reason.code],
            duration_ms=self.elapsed_ms,
            error_message=f"{reason.message} The API did not respond to its launch.",
            started_at=self.started_at,
        )

    async def run_and_publish(
        self,
        launched: LaunchedExecution,
        package: dict[str, Any],
        cancellation: Cancellation,
    ) -> Outcome:
        """Run the package and publish the result.

        Failures are published too: otherwise the execution would stay running until its
        deadline.
        """
        code = None
        document = None
        try:
            work = run_package(
                package,
                cancellation,
                options=self.options,
                settings=self.client.settings,
                progress=lambda event: self.progress.show_event(self.flow_id, event),
            )
            document = await result_before(cancellation.cleanup_over, work)
        except (UnsupportedFlow, InvalidPackage) as error:
            code = ERROR
            document = self.failed_document("FLOW_VALIDATION_FAILED", error.message)
        except CommandError as error:
            code = ERROR
            document = self.failed_document("RUNNER_FAILED", error.message)
        if document is None or (cancellation.reason and document["status"] == "failed"):
            reason = cancellation.reason or CANCELLED
            code = EXIT_CODES[reason.code]
            document = self.cancelled_document(reason, document)
        if code is None:
            code = 0 if document["status"] == "completed" else FAILED
        return await self.publish(launched, document, code)

    def failed_document(
        self, code: str, message: str, result: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return failed_document(
            code, message, duration_ms=self.elapsed_ms, result=result
        )

    def cancelled_document(
        self, reason: CancellationReason, document: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the result of a cancelled flow, with the nodes that ran before."""
        result = (document or {}).get("result")
        code, message = reason
        if result:
            result = result | {"error_code": code, "error_message": message}
        return self.failed_document(code, message, result)

    async def publish(
        self, launched: LaunchedExecution, document: dict[str, Any], code: int
    ) -> Outcome:
        """Publish the document, and return the outcome that the API has stored."""
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
                return await self.resolve_conflict(outcome, error)
            return unpublished_outcome(outcome, error)
        except CommandError as error:
            return unpublished_outcome(outcome, error)
        return outcome

    async def resolve_conflict(self, outcome: Outcome, conflict: ApiError) -> Outcome:
        """Return the outcome if the API has already stored another result.

        Repeating the launch returns the stored execution. Unlike a read, it needs no
        scope that the key may lack.
        """
        if outcome.exit_code not in (0, FAILED):
            self.log(f"{outcome.name}: the execution had already ended.")
            return outcome
        try:
            launched = await self.launch()
            if launched.id == outcome.execution_id and launched.is_over:
                ending = stored_ending(launched)
                self.log(f"{launched.name}: {ending}; that result is stored.")
                stored = await stored_outcome(
                    self.client, launched, replayed=outcome.replayed
                )
                return worse_outcome(outcome, stored, ending)
        except CommandError as error:
            return unpublished_outcome(outcome, error)
        return unpublished_outcome(outcome, conflict)

    @property
    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def log(self, text: str) -> None:
        write_stderr(text, settings=self.client.settings)


async def result_before(end: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of the work, or None if it is not done `GRACE` s after the event."""
    task = asyncio.ensure_future(work)
    event = asyncio.ensure_future(end.wait())
    try:
        await asyncio.wait({task, event}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=GRACE)
        return task.result() if task.done() else None
    finally:
        event.cancel()
        task.cancel()
        # Gathered, because asyncio would log an exception that nothing retrieves, and its
        # text may hold secrets.
        await asyncio.gather(task, event, return_exceptions=True)
