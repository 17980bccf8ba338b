"""A thread pool that does not delay interpreter exit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a new daemon thread.

    asyncio resolves host names in threads, and asyncio.run() joins them: a name server
    that does not respond would block the end of a cancelled run.
    """

    def submit(
        self, call: Callable[P, T], /, *args: P.args, **options: P.kwargs
    ) -> Future[T]:
        future: Future[T] = Future()
        thread = threading.Thread(
            target=_run, args=(future, call, args, options), daemon=True
        )
        thread.start()
        return future


def _run(
    future: Future[T],
    call: Callable[..., T],
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(*args, **options)
    except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)
