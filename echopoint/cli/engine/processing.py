"""Work on large values, in threads: it must not stop the other nodes, nor go on for ever."""

import asyncio
import threading
import time
from collections.abc import Callable

from echopoint.cli.engine.exceptions import NodeFailed

# For each piece of work of a node: a JSONPath can ask for too much.
MAX_SECONDS = 10
CHECK_SECONDS = 0.1
CAN_READ_CLOCKS = hasattr(time, "pthread_getcpuclockid")
CODE = "PROCESSING_LIMIT_EXCEEDED"
# Where the clock of another thread cannot be read, wall time is taken instead, and the
# limit allows for as many neighbours as there can be.
WALL_FACTOR = 16


class Clock:
    """The seconds that the work of one thread has taken so far."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._began = time.monotonic()

    def run(self, call: Callable, *args: object) -> object:
        """Call it in this thread, whose processor time is the one to count."""
        if CAN_READ_CLOCKS:
            self._number = time.pthread_getcpuclockid(threading.get_ident())
        return call(*args)

    @property
    def seconds(self) -> float:
        if not CAN_READ_CLOCKS:
            return (time.monotonic() - self._began) / WALL_FACTOR
        try:
            return 0.0 if self._number is None else time.clock_gettime(self._number)
        except OSError:
            return 0.0  # The thread has just ended.


async def processed(what: str, advice: str, call: Callable, *args: object):
    """Return what the call returns; raise NodeFailed if it takes too much.

    Only its own processor time counts: many nodes may share few processors.
    """
    clock = Clock()
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, clock.run, call, *args)
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=CHECK_SECONDS)
            if not work.done() and clock.seconds > MAX_SECONDS:
                raise NodeFailed(CODE, f"{what} took {_limit()}. {advice}")
        return work.result()
    finally:
        # The thread cannot be stopped; what it still returns or raises is dropped.
        work.cancel()


def _limit() -> str:
    if CAN_READ_CLOCKS:
        return f"more than {MAX_SECONDS} s of processor time"
    return f"longer than {MAX_SECONDS * WALL_FACTOR} s"
