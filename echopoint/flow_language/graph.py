"""The graph of a flow: predecessors, execution order and cycles."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any


class GraphCycle(ValueError):
    """The edges form a cycle through these nodes, so no order is possible."""

    def __init__(self, names: list[str]):
        super().__init__(" → ".join(names))
        self.names = names


def predecessors(
    ids: Iterable[str], edges: Iterable[tuple[str, str]]
) -> dict[str, dict[str, None]]:
    """Return the predecessors of each node by id, in the order of the edges.

    An edge is (source, target); both must be in `ids`.
    """
    predecessors_of: dict[str, dict[str, None]] = {name: {} for name in ids}
    for source, target in edges:
        predecessors_of[target][source] = None
    return predecessors_of


def topological_order(predecessors_of: dict[str, dict[str, None]]) -> list[str]:
    """Return the ids, each after its predecessors; raise GraphCycle."""
    try:
        return list(TopologicalSorter(predecessors_of).static_order())
    except CycleError as error:
        raise GraphCycle(error.args[1]) from None


def runs_always(node: dict[str, Any]) -> bool:
    """Return True if the node runs after failures too. Such nodes run last."""
    return node.get("run_when") == "always"
