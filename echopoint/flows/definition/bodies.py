"""The parts of a flow definition that nodes are in: the flow, and each inner body."""

from collections.abc import Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at
from echopoint.flows.definition.schemas import MAX_BODY_DEPTH


class Scope(NamedTuple):
    """Nodes and the edges between them: those of the flow, or those of one body.

    inputs  what templates can read here besides the inputs of the flow
    """

    path: str
    depth: int
    nodes: list
    edges: list
    inputs: frozenset[str] = frozenset()


def scopes_of(definition: object) -> list[Scope]:
    """Return the flow and then, level by level, the bodies of its loops and polls."""
    level = [_scope(definition, "", 0, frozenset())]
    found = []
    while level:
        found += level
        level = [body for scope in level for body in _bodies(scope)]
    return found


def _scope(flow, path: str, depth: int, inputs: frozenset[str]) -> Scope:
    nodes, edges = get(flow, "nodes", list), get(flow, "edges", list)
    return Scope(path, depth, nodes or [], edges or [], inputs)


def _bodies(scope: Scope) -> Iterator[Scope]:
    # One level too many is returned, to be refused; what it holds is not read.
    if scope.depth > MAX_BODY_DEPTH:
        return
    for path, node in each(scope.nodes, at(scope.path, "nodes")):
        kind, data = get(node, "type", str), get(node, "data", dict)
        if kind in ("loop", "poll"):
            own = _loop_inputs(data) if kind == "loop" else frozenset()
            body = get(data, "body", dict)
            path = at(path, "data", "body")
            yield _scope(body, path, scope.depth + 1, scope.inputs | own)


def _loop_inputs(data) -> frozenset[str]:
    item, index = get(data, "item_var", str), get(data, "index_var", str)
    return frozenset({item or "item", index or "index"})


def each(items: list, path: str) -> Iterator[tuple[str, object]]:
    """Yield the items of a list with their paths."""
    return ((at(path, place), item) for place, item in enumerate(items))


def get(value, key: str, kind: type):
    """Return a field of a value that may be anything, if it is of this kind."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None


def ends(edge) -> tuple[str | None, str | None]:
    """Return the ids of the nodes that an edge leads from and to."""
    return get(edge, "source", str), get(edge, "target", str)
