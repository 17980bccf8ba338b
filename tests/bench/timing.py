"""Time calls in turns, so that each meets the same noise."""

import time


def microseconds(call):
    """Return how long the call takes."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e6


def in_turns(calls, rounds):
    """Call each of {name: function} once in every round; return {name: microseconds}."""
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(microseconds(call))
    return times
