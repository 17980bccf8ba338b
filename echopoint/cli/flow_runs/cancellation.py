"""Ending executions before their end: out of time, or by Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable, Iterator
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
    """Stops one execution, and keeps the reason.

    `event` stops it. Nodes that always run may still run for `cleanup_timeout` seconds;
    then `cleanup_over` stops those, too.
    """

    def __init__(self, cleanup_timeout: float) -> None:
        self.cleanup_timeout = cleanup_timeout
        self.event = asyncio.Event()
        self.cleanup_over = asyncio.Event()
        self.reason: Reason | None = None
        self.timers: list[asyncio.TimerHandle] = []

    def set(self, reason: Reason) -> None:
        """The first reason is the one that counts."""
        if self.reason is None:
            self.reason = reason
            self.event.set()
            self.after(self.cleanup_timeout, self.cleanup_over.set)

    def after(self, seconds: float, call: Callable, *args: object) -> None:
        loop = asyncio.get_running_loop()
        self.timers.append(loop.call_later(seconds, call, *args))

    def close(self) -> None:
        for timer in self.timers:
            timer.cancel()


class Stops:
    """All executions of the command, to be ended together."""

    def __init__(self, cleanup_timeout: float) -> None:
        self.cleanup_timeout = cleanup_timeout
        self.running: set[Stop] = set()
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        for stop in self.running:
            stop.set(CANCELLED)
        say(
            "Cancelling. Nodes that always run may still do so, for"
            f" {self.cleanup_timeout:g} s. Another Ctrl-C quits at once, without"
            " publishing."
        )

    def end_cleanup(self) -> None:
        for stop in self.running:
            stop.cleanup_over.set()

    @contextmanager
    def one(self, time_limit: float) -> Iterator[Stop]:
        """Yield the stop of one execution, set by itself after so many seconds."""
        stop = Stop(self.cleanup_timeout)
        reason = Reason(
            "TIMEOUT", f"The flow did not end within {time_limit:g} s (--poll-timeout)."
        )
        stop.after(time_limit, stop.set, reason)
        self.running.add(stop)
        if self.is_cancelled:
            stop.set(CANCELLED)
        try:
            yield stop
        finally:
            stop.close()
            self.running.discard(stop)

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Cancel at the first Ctrl-C, or the like; a second one quits at once.

        A SIGTERM after a SIGINT is from a CI system that is about to kill this: GitHub's
        runner sends it after 7.5 s, and SIGKILL 2.5 s later. It leaves time to publish.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        # Listed here: the loop may be busy with the first when the second comes.
        taken: list[int] = []

        def take(number: int, frame: object) -> None:
            if taken and number == HANGUP:
                return  # a terminal that is closed may send it twice
            taken.append(number)
            if len(taken) == 1:
                loop.call_soon_threadsafe(self.cancel)
            elif taken == [signal.SIGINT, signal.SIGTERM]:
                loop.call_soon_threadsafe(self.end_cleanup)
            else:
                loop.call_soon_threadsafe(task.cancel)

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
