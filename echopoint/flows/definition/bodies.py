"""Flow bodies: the graph of the flow itself, and of each loop and poll inside it."""

from collections.abc import Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at
from echopoint.flows.definition.schemas import MAX_BODY_DEPTH


class FlowBody(NamedTuple):
    """Nodes and the edges between them, at the top level or in a loop or poll.

    inputs  variables that templates can read here besides the inputs of the flow
    """

    path: str
    depth: int
    nodes: list
    edges: list
    inputs: frozenset[str] = frozenset()


def bodies_of(definition: object) -> list[FlowBody]:
    """Return the top level and then, level by level, the bodies of loops and polls."""
    # A loop over levels, not recursion: a definition of any depth is read here before
    # its depth is checked.
    level = [_body(definition, "", 0, frozenset())]
    bodies = []
    while level:
        bodies += level
        level = [inner for body in level for inner in _inner_bodies(body)]
    return bodies


def _body(flow, path: str, depth: int, inputs: frozenset[str]) -> FlowBody:
    nodes, edges = field_of(flow, "nodes", list), field_of(flow, "edges", list)
    return FlowBody(path, depth, nodes or [], edges or [], inputs)


def _inner_bodies(outer: FlowBody) -> Iterator[FlowBody]:
    # The first level over the limit is returned, so that validation can refuse it.
    # Without this stop, deeper levels would be read as well.
    if outer.depth > MAX_BODY_DEPTH:
        return
    for path, node in with_paths(outer.nodes, at(outer.path, "nodes")):
        kind, data = field_of(node, "type", str), field_of(node, "data", dict)
        if kind in ("loop", "poll"):
            inputs = _loop_inputs(data) if kind == "loop" else frozenset()
            body = field_of(data, "body", dict)
            path = at(path, "data", "body")
            yield _body(body, path, outer.depth + 1, outer.inputs | inputs)


def _loop_inputs(data) -> frozenset[str]:
    item, index = field_of(data, "item_var", str), field_of(data, "index_var", str)
    return frozenset({item or "item", index or "index"})


def with_paths(items: list, path: str) -> Iterator[tuple[str, object]]:
    """Yield the items of a list with their paths."""
    return ((at(path, index), item) for index, item in enumerate(items))


def field_of(value, key: str, kind: type):
    """Return a field of any JSON value, or None if it is absent or of another type."""
    field = value.get(key) if isinstance(value, dict) else None
    return field if isinstance(field, kind) else None


def edge_ends(edge) -> tuple[str | None, str | None]:
    """Return the ids of the source and target nodes."""
    return field_of(edge, "source", str), field_of(edge, "target", str)
