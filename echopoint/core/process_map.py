"""A `map` that calls a function in other processes, which have the same database."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice

import django
from django.db import DEFAULT_DB_ALIAS, connections

AHEAD = 3  # calls for each process that run or wait, so that none is idle


def is_shareable(connection):
    """Whether another process reads the same rows from this database.

    It sees neither a database in memory nor what a transaction has not committed.
    """
    is_in_memory = connection.vendor == "sqlite" and connection.is_in_memory_db()
    return not (connection.in_atomic_block or is_in_memory)


@contextmanager
def process_map(jobs, alias=DEFAULT_DB_ALIAS):
    """Yield a `map` that calls a module's function in up to `jobs` processes.

    It yields the results in the order of the items, and takes few items in advance. The
    first call starts the processes. A result raises `BrokenProcessPool` if one of them
    died, and any exception of its call. Arguments and results are pickled.
    """
    pool = ProcessPoolExecutor(
        jobs,
        # A forked process would share the connections and locks of this one.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=prepare,
        # The rest is in the settings. The tests use a database of another name.
        initargs=(alias, connections[alias].settings_dict["NAME"]),
    )
    try:
        yield partial(map_in_order, pool, jobs * AHEAD)
    finally:
        pool.shutdown(cancel_futures=True)


def map_in_order(pool, ahead, function, items):
    items = iter(items)
    calls = deque(pool.submit(function, item) for item in islice(items, ahead))
    try:
        while calls:
            result = calls.popleft().result()
            calls.extend(pool.submit(function, item) for item in islice(items, 1))
            yield result
    finally:
        for call in calls:
            call.cancel()


def prepare(alias, name):
    """Set up Django in a new process."""
    # Ctrl-C reaches all processes of a terminal. The parent stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    django.setup()
    connections[alias].settings_dict["NAME"] = name


def exit_with_parent():
    """Exit when the parent does; a process of a pool would wait for calls forever."""
    multiprocessing.parent_process().join()
    os._exit(1)
