"""In which order nodes may run, as the edges between them say."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter


class Circle(ValueError):
    """The edges lead in a circle through these nodes, so no order is possible."""

    def __init__(self, names: list[str]):
        super().__init__(" → ".join(names))
        self.names = names


def predecessors(
    ids: Iterable[str], edges: Iterable[tuple[str, str]]
) -> dict[str, dict[str, None]]:
    """Return for each node, by id, those that an edge leads from, in the edges' order.

    An edge is (source, target), two of the ids.
    """
    before: dict[str, dict[str, None]] = {name: {} for name in ids}
    for source, target in edges:
        before[target][source] = None
    return before


def in_order(before: dict[str, dict[str, None]]) -> list[str]:
    """Return the nodes, each behind those before it; raise Circle where that cannot be."""
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise Circle(error.args[1]) from None


def runs_always(node: dict) -> bool:
    """Whether a node runs after failures too; those nodes come last."""
    return node.get("run_when") == "always"
