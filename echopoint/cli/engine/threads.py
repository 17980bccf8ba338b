"""Threads that nobody waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own.

    asyncio looks up host names in threads, and asyncio.run() waits for them: a name
    server that does not answer would keep a cancelled run from ending.
    """

    def submit(self, call: Callable, /, *args, **options) -> Future:
        future = Future()
        thread = threading.Thread(
            target=_run, args=(future, call, args, options), daemon=True
        )
        thread.start()
        return future


def _run(future: Future, call: Callable, args: tuple, options: dict) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(*args, **options)
    except BaseException as error:  # noqa: BLE001 - whoever awaits the result has it
        future.set_exception(error)
    else:
        future.set_result(result)
