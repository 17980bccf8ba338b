"""Ending executions before their end: out of time, or by Ctrl-C."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from echopoint.cli.terminal import say

# Those that Windows has not are left out.
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
]


HANGUP = getattr(signal, "SIGHUP", None)


class Reason(NamedTuple):
    """Why an execution is ended; its code goes into the published result."""

    code: str
    message: str


CANCELLED = Reason("CANCELLED", "The run was cancelled.")


class Stop:
    """Tells one execution to end, and why."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.reason: Reason | None = None

    def set(self, reason: Reason) -> None:
        """The first reason is the one that counts."""
        if self.reason is None:
            self.reason = reason
            self.event.set()


class Stops:
    """All executions of the command, to be ended together."""

    def __init__(self) -> None:
        self.running: set[Stop] = set()
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        for stop in self.running:
            stop.set(CANCELLED)
        say("Cancelling. Another Ctrl-C quits at once, without publishing.")

    @contextmanager
    def one(self, time_limit: float) -> Iterator[Stop]:
        """Yield the stop of one execution, set by itself after so many seconds."""
        stop = Stop()
        loop = asyncio.get_running_loop()
        reason = Reason(
            "TIMEOUT", f"The flow did not end within {time_limit:g} s (--poll-timeout)."
        )
        timer = loop.call_later(time_limit, stop.set, reason)
        self.running.add(stop)
        if self.is_cancelled:
            stop.set(CANCELLED)
        try:
            yield stop
        finally:
            timer.cancel()
            self.running.discard(stop)

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Cancel at the first Ctrl-C, or the like; a second one quits at once."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        taken = 0

        def take(number: int, frame: object) -> None:
            # Counted here: the loop may be busy with the first when the second comes.
            nonlocal taken
            if taken and number == HANGUP:
                return  # a terminal that is closed may send it twice
            taken += 1
            loop.call_soon_threadsafe(self.cancel if taken == 1 else task.cancel)

        # What nohup set to be ignored stays so. Shells set others for what they start in
        # the background, which is to be cancelled all the same.
        has_nohup = HANGUP and signal.getsignal(HANGUP) == signal.SIG_IGN
        taking = [n for n in SIGNALS if not (has_nohup and n == HANGUP)]
        before = {number: signal.signal(number, take) for number in taking}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
