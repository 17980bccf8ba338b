"""Ending executions early: at their time limit, or at Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from echopoint.cli.output import write_stderr

# Windows lacks some of them.
SIGNALS: list[signal.Signals] = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
]


HANGUP = getattr(signal, "SIGHUP", None)


class CancellationReason(NamedTuple):
    """Why an execution was ended. The code goes into the published result."""

    code: str
    message: str


CANCELLED = CancellationReason("CANCELLED", "The run was cancelled.")


class Cancellation:
    """Cancels one execution and holds the reason.

    `event` cancels it. `run_when: always` nodes may still run for `cleanup_timeout`
    seconds; `cleanup_over` then cancels those too.
    """

    def __init__(self, cleanup_timeout: float) -> None:
        self.cleanup_timeout = cleanup_timeout
        self.event = asyncio.Event()
        self.cleanup_over = asyncio.Event()
        self.reason: CancellationReason | None = None
        self.timers: list[asyncio.TimerHandle] = []

    def cancel(self, reason: CancellationReason) -> None:
        """Cancel the execution. Only the first reason is recorded."""
        if self.reason is None:
            self.reason = reason
            self.event.set()
            self.schedule(self.cleanup_timeout, self.cleanup_over.set)

    def schedule(
        self, seconds: float, call: Callable[..., object], *arguments: object
    ) -> None:
        loop = asyncio.get_running_loop()
        self.timers.append(loop.call_later(seconds, call, *arguments))

    def close(self) -> None:
        for timer in self.timers:
            timer.cancel()


class Cancellations:
    """The cancellations of all executions of a command, to trigger them together."""

    def __init__(self, cleanup_timeout: float) -> None:
        self.cleanup_timeout = cleanup_timeout
        self.active: set[Cancellation] = set()
        self.is_cancelled = False

    def cancel_all(self) -> None:
        self.is_cancelled = True
        for cancellation in self.active:
            cancellation.cancel(CANCELLED)
        write_stderr(
            "Cancelling. Nodes that always run have"
            f" {self.cleanup_timeout:g} s to finish. Press Ctrl-C again to quit at once"
            " without publishing."
        )

    def end_cleanup(self) -> None:
        for cancellation in self.active:
            cancellation.cleanup_over.set()

    @contextmanager
    def for_execution(self, time_limit: float) -> Iterator[Cancellation]:
        """Yield the cancellation of one execution. It triggers after `time_limit` seconds."""
        cancellation = Cancellation(self.cleanup_timeout)
        reason = CancellationReason(
            "TIMEOUT", f"The flow did not end within {time_limit:g} s (--poll-timeout)."
        )
        cancellation.schedule(time_limit, cancellation.cancel, reason)
        self.active.add(cancellation)
        if self.is_cancelled:
            cancellation.cancel(CANCELLED)
        try:
            yield cancellation
        finally:
            cancellation.close()
            self.active.discard(cancellation)

    @contextmanager
    def at_signals(self) -> Iterator[None]:
        """Cancel all executions at the first signal, and this task at the second.

        A SIGTERM after a SIGINT comes from a CI system that is about to kill the process:
        GitHub's runner sends it after 7.5 s, and SIGKILL 2.5 s later. Only the cleanup
        ends then, so that there is time to publish.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        # Recorded in the handler: the loop may still be busy when the second one arrives.
        received: list[int] = []

        def handle(number: int, frame: object) -> None:
            if received and number == HANGUP:
                return  # a closing terminal may send it twice
            received.append(number)
            if len(received) == 1:
                loop.call_soon_threadsafe(self.cancel_all)
            elif received == [signal.SIGINT, signal.SIGTERM]:
                loop.call_soon_threadsafe(self.end_cleanup)
            elif task:
                loop.call_soon_threadsafe(task.cancel)

        # nohup ignores SIGHUP, and that must stay. Shells also ignore other signals for
        # background jobs, which must be cancellable nevertheless.
        has_nohup = HANGUP and signal.getsignal(HANGUP) == signal.SIG_IGN
        handled = [n for n in SIGNALS if not (has_nohup and n == HANGUP)]
        before = {number: signal.signal(number, handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
