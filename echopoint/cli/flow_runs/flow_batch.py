"""Executing several flows concurrently, and cancelling them together."""

import asyncio

from echopoint.cli.api_client import ApiClient
from echopoint.cli.exceptions import CANCELLED, ERROR
from echopoint.cli.flow_runs.cancellation import Cancellations
from echopoint.cli.flow_runs.flow_run import FlowRun
from echopoint.cli.flow_runs.outcome import Outcome
from echopoint.cli.flow_runs.progress import Progress, progress_for
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.output import internal_error_message, write_stderr


class FlowBatch:
    """The flows of one command."""

    def __init__(self, client: ApiClient, options: RunOptions, progress: Progress):
        self.client = client
        self.options = options
        self.progress = progress
        self.cancellations = Cancellations(options.cleanup_timeout)
        self.slots = asyncio.Semaphore(options.parallel)
        # For each launched flow, the names of --var that no template of it reads.
        self.unused: list[set[str]] = []

    async def execute(self, flow_ids: list[str]) -> list[Outcome]:
        """Return an outcome for each flow, in the same order."""
        several = len(flow_ids) > 1
        with self.cancellations.at_signals():
            flows = (self.execute_flow(id, several) for id in flow_ids)
            outcomes = await asyncio.gather(*flows)
        if several and self.unused:
            self.warn_of_unused(set.intersection(*self.unused))
        return outcomes

    async def execute_flow(self, flow_id: str, several: bool) -> Outcome:
        async with self.slots:
            try:
                outcome = await self.launch_and_run(flow_id, several)
            except Exception as error:  # noqa: BLE001 - the other flows must go on
                message = internal_error_message(
                    error, debug=self.client.settings.debug
                )
                outcome = Outcome(flow_id, ERROR, error_message=message)
        self.progress.show_outcome(outcome)
        return outcome

    async def launch_and_run(self, flow_id: str, several: bool) -> Outcome:
        if self.cancellations.is_cancelled:
            message = "The run was cancelled before this flow was launched."
            return Outcome(flow_id, CANCELLED, error_message=message)
        flow_run = FlowRun(
            flow_id,
            self.options.key_for(flow_id, several=several),
            client=self.client,
            options=self.options,
            progress=self.progress,
            # One warning for all flows: another flow may read the variable.
            report_unused=self.unused.append if several else self.warn_of_unused,
        )
        with self.cancellations.for_execution(self.options.time_limit) as cancellation:
            return await flow_run.execute(cancellation)

    def warn_of_unused(self, names: set[str]) -> None:
        """Warn of variables without effect: their names may be mistyped."""
        if names:
            write_stderr(
                "Warning: no template reads the variables of --var named"
                f" {', '.join(sorted(names))}.",
                settings=self.client.settings,
            )


async def execute_flows(
    client: ApiClient, options: RunOptions, flow_ids: list[str]
) -> list[Outcome]:
    """Execute the flows, with progress on stderr."""
    with progress_for(client.settings, verbose=options.verbose) as progress:
        return await FlowBatch(client, options, progress).execute(flow_ids)
