"""Executing several flows, so many at a time, and stopping them together."""

import asyncio

from echopoint.cli.client import Client
from echopoint.cli.exceptions import CANCELLED, ERROR
from echopoint.cli.flow_runs.cancellation import Stops
from echopoint.cli.flow_runs.flow_run import Flow
from echopoint.cli.flow_runs.outcome import Outcome
from echopoint.cli.flow_runs.progress import Progress, progress_for
from echopoint.cli.flow_runs.run_options import Order
from echopoint.cli.terminal import fault, say


class Batch:
    """The flows of one command."""

    def __init__(self, client: Client, order: Order, progress: Progress):
        self.client = client
        self.order = order
        self.progress = progress
        self.stops = Stops(order.cleanup_timeout)
        self.places = asyncio.Semaphore(order.parallel)
        # For each flow that was launched, the names of --var that it does not read.
        self.unused: list[set[str]] = []

    async def execute(self, flow_ids: list[str]) -> list[Outcome]:
        """Return an outcome for each flow, in their order."""
        several = len(flow_ids) > 1
        with self.stops.at_signals():
            flows = (self.one(id, several) for id in flow_ids)
            outcomes = await asyncio.gather(*flows)
        if several and self.unused:
            self.warn_of(set.intersection(*self.unused))
        return outcomes

    async def one(self, flow_id: str, several: bool) -> Outcome:
        async with self.places:
            try:
                outcome = await self.in_turn(flow_id, several)
            except Exception as error:  # noqa: BLE001 - the other flows go on
                message = fault(error, debug=self.client.settings.debug)
                outcome = Outcome(flow_id, ERROR, error_message=message)
        self.progress.ended(outcome)
        return outcome

    async def in_turn(self, flow_id: str, several: bool) -> Outcome:
        if self.stops.is_cancelled:
            message = "The run was cancelled before this flow was launched."
            return Outcome(flow_id, CANCELLED, error_message=message)
        flow = Flow(
            flow_id,
            self.order.key_for(flow_id, several=several),
            client=self.client,
            order=self.order,
            progress=self.progress,
            report_unused=self.unused.append if several else self.warn_of,
        )
        with self.stops.one(self.order.time_limit) as stop:
            return await flow.execute(stop)

    def warn_of(self, unused: set[str]) -> None:
        """Say that a variable has no effect: its name may be mistyped."""
        if unused:
            names = ", ".join(sorted(unused))
            say(
                f"Warning: no template reads the variables of --var named {names}.",
                settings=self.client.settings,
            )


async def execute(client: Client, order: Order, flow_ids: list[str]) -> list[Outcome]:
    """Execute the flows, with progress on stderr."""
    with progress_for(client.settings, verbose=order.verbose) as progress:
        return await Batch(client, order, progress).execute(flow_ids)
