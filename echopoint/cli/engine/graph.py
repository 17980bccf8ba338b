"""Which nodes of a flow run at the same time, and in which order."""

from collections.abc import Iterator
from typing import Any

from echopoint.flow_language.graph import predecessors, runs_always


def node_predecessors(definition: dict[str, Any]) -> dict[str, dict[str, None]]:
    """Return the predecessors of each node, by edges of any type."""
    edges = ((edge["source"], edge["target"]) for edge in definition["edges"])
    return predecessors((node["id"] for node in definition["nodes"]), edges)


def node_waves(definition: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the nodes that run at the same time, after all their predecessors.

    The caller must finish a wave before it asks for the next. Ready nodes run in definition
    order; `run_when: always` nodes run after all other ready nodes, except where an edge
    makes another node depend on them.
    """
    predecessors_of = node_predecessors(definition)
    waiting, done = list(definition["nodes"]), set[str]()
    while waiting:
        ready = [node for node in waiting if predecessors_of[node["id"]].keys() <= done]
        wave = [node for node in ready if not runs_always(node)] or ready
        yield wave
        done |= {node["id"] for node in wave}
        waiting = [node for node in waiting if node["id"] not in done]
