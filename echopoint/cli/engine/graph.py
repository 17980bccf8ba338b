"""In which order the nodes of a flow run."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter


class Circle(ValueError):
    """The edges lead in a circle, through these nodes."""

    def __init__(self, names: list[str]):
        super().__init__(" → ".join(names))


def predecessors(definition: dict) -> dict[str, set[str]]:
    """Return for each node, by id, those that an edge leads from, of whatever type."""
    before = {node["id"]: set() for node in definition["nodes"]}
    for edge in definition["edges"]:
        before[edge["target"]].add(edge["source"])
    return before


def refuse_circles(before: dict[str, set[str]]) -> None:
    """Raise Circle where no order is possible."""
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise Circle(error.args[1]) from None


def in_waves(definition: dict) -> Iterator[list[dict]]:
    """Yield the nodes that may run together, once all before them are done.

    A wave is done when the next is asked for. Nodes that always run come when no other
    is ready. So they come last, but for nodes that an edge makes wait for them.
    """
    before = predecessors(definition)
    waiting, done = list(definition["nodes"]), set()
    while waiting:
        ready = [node for node in waiting if before[node["id"]] <= done]
        wave = [node for node in ready if not runs_always(node)] or ready
        yield wave
        done |= {node["id"] for node in wave}
        waiting = [node for node in waiting if node["id"] not in done]


def runs_always(node: dict) -> bool:
    return node.get("run_when") == "always"
