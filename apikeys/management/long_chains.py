"""Check long audit chains in several processes, with a progress bar."""

from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import connections
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from echopoint.core.process_map import is_shareable, process_map

LONG = 50_000  # events; fewer are checked before other processes have started
DIED = (
    "A process that checked events ended unexpectedly, perhaps because memory ran out."
    " Nothing is known about the chain. Try again with --jobs 1."
)


@contextmanager
def checking_map(jobs, stream, database):
    """Yield a `map` for the walk of a chain in the database of this alias.

    Raise `CommandError` if one of the processes dies.
    """
    try:
        with process_map(jobs, database) as map_in_processes:
            is_parallel = jobs > 1 and is_shareable(connections[database])
            yield LongChainMap(map_in_processes if is_parallel else map, stream)
    except BrokenProcessPool:
        raise CommandError(DIED) from None


class LongChainMap:
    """Calls the check of each range: of long chains with `map`, showing the progress."""

    def __init__(self, map, stream):
        self.map, self.stream = map, stream

    def __call__(self, check, ranges):
        count = ranges[-1].through - ranges[0].after
        if count <= LONG:
            return map(check, ranges)
        return self.with_progress(self.map(check, ranges), ranges, count)

    def with_progress(self, walks, ranges, count):
        with progress_bar(self.stream) as bar:
            task = bar.add_task("Checking events", total=count)
            for part, walk in zip(ranges, walks, strict=True):
                bar.advance(task, part.through - part.after)
                yield walk


def progress_bar(stream):
    """Return a bar that is shown if the stream is a terminal, and disappears at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
        disable=not stream.isatty(),
        # Standard output belongs to the answer.
        redirect_stdout=False,
    )
