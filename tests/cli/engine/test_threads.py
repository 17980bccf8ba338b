import asyncio
import threading
import time

import pytest

from echopoint.cli.engine.threads import DaemonThreads


def in_thread(call, *args):
    """Return what the call returns, run as asyncio runs look-ups of host names."""

    async def act():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        async with asyncio.timeout(0.2):
            return await loop.run_in_executor(None, call, *args)

    return asyncio.run(act())


def test_a_call_returns_what_it_returns_and_raises_what_it_raises():
    assert in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        in_thread(divmod, 7, 0)


def test_a_hanging_thread_does_not_block_the_end_of_the_loop():
    let_go = threading.Event()
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        in_thread(let_go.wait, 30)

    assert time.monotonic() - began < 15
    let_go.set()


def test_a_hanging_thread_does_not_block_the_end_of_the_process():
    assert in_thread(lambda: threading.current_thread().daemon) is True
