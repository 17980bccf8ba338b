"""Run a call in several threads at the same time."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connections


def at_once(call, times=8):
    """Return the results of `call(n)`, each from its own thread and connection."""

    def closing(n):
        try:
            return call(n)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(closing, range(times)))
