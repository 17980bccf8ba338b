"""Run work on large values in threads, with a limit of processor time."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from echopoint.cli.engine.exceptions import NodeFailed

# Per call: a JSONPath can take unlimited time.
MAX_SECONDS = 10
CHECK_SECONDS = 0.1
CAN_READ_CLOCKS = hasattr(time, "pthread_getcpuclockid")
CODE = "PROCESSING_LIMIT_EXCEEDED"
# Without a readable clock of the thread, wall time counts, and the limit allows for all
# nodes that may run at the same time.
WALL_FACTOR = 16


P = ParamSpec("P")
T = TypeVar("T")


class Clock:
    """Processor time of one call."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._began = time.monotonic()
        self._used_before = 0.0

    def run(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call in the current thread and measure its processor time."""
        if CAN_READ_CLOCKS:
            # A pool may run earlier calls in the same thread.
            self._used_before = time.thread_time()
            self._number = time.pthread_getcpuclockid(threading.get_ident())
        return call(*args, **options)

    @property
    def seconds(self) -> float:
        if not CAN_READ_CLOCKS:
            return (time.monotonic() - self._began) / WALL_FACTOR
        if self._number is None:
            return 0.0  # The call has not started.
        try:
            return time.clock_gettime(self._number) - self._used_before
        except OSError:
            return 0.0  # The thread has just ended.


async def run_bounded(
    what: str, advice: str, call: Callable[..., T], *args: object
) -> T:
    """Return the result of the call; raise NodeFailed if it exceeds the limit.

    Only its own processor time counts: many nodes may share few processors.
    """
    clock = Clock()
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, partial(clock.run, call, *args))
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=CHECK_SECONDS)
            if not work.done() and clock.seconds > MAX_SECONDS:
                raise NodeFailed(CODE, f"{what} took {_limit()}. {advice}")
        return work.result()
    finally:
        # A thread cannot be stopped; its later result or error is dropped.
        work.cancel()


def _limit() -> str:
    if CAN_READ_CLOCKS:
        return f"more than {MAX_SECONDS} s of processor time"
    return f"longer than {MAX_SECONDS * WALL_FACTOR} s"
