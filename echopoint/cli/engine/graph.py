"""Which nodes of a flow run together, and when."""

from collections.abc import Iterator

from echopoint.flow_language.order import predecessors, runs_always


def before_each(definition: dict) -> dict[str, dict[str, None]]:
    """Return for each node those that an edge leads from, of whatever type."""
    edges = ((edge["source"], edge["target"]) for edge in definition["edges"])
    return predecessors((node["id"] for node in definition["nodes"]), edges)


def in_waves(definition: dict) -> Iterator[list[dict]]:
    """Yield the nodes that may run together, once all before them are done.

    A wave is done when the next is asked for. Nodes that always run come when no other
    is ready. So they come last, but for nodes that an edge makes wait for them.
    """
    before = before_each(definition)
    waiting, done = list(definition["nodes"]), set()
    while waiting:
        ready = [node for node in waiting if before[node["id"]].keys() <= done]
        wave = [node for node in ready if not runs_always(node)] or ready
        yield wave
        done |= {node["id"] for node in wave}
        waiting = [node for node in waiting if node["id"] not in done]
