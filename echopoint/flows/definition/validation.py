"""Check a flow definition, and say field by field what is wrong with it."""

from collections.abc import Collection, Iterator
from functools import reduce
from itertools import islice
from operator import or_

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.order import Circle, in_order, predecessors
from echopoint.flows.definition.bodies import Scope, each, ends, get, scopes_of
from echopoint.flows.definition.names import key_problems, name_problems
from echopoint.flows.definition.patterns import Patterns
from echopoint.flows.definition.references import reference_problems
from echopoint.flows.definition.rules import Beside, id_problems, rule_problems
from echopoint.flows.definition.schemas import (
    MAX_BODY_DEPTH,
    MAX_EDGES,
    MAX_NODES,
    NODE_SCHEMAS,
)
from echopoint.flows.definition.shapes import Problem, shape_problems


def problems(definition: object, *, limit: int = 20) -> list[Problem]:
    """Return the first `limit` problems of any JSON value; of a sound flow, none.

    A field is a path such as `nodes[2].data.url`, or "" for the whole.
    """
    return list(islice(_problems(definition), limit))


def _problems(definition) -> Iterator[Problem]:
    scopes = scopes_of(definition)
    # Nothing more is read before the size is known to be bearable.
    if oversize := list(_size_problems(scopes)):
        yield from oversize
        return
    # Nor of a definition with a key in it, which a message could repeat.
    keys = key_problems(definition)
    if problem := next(keys, None):
        yield problem
        yield from keys
        return
    shape = shape_problems("FlowDefinition", definition, "")
    if problem := next(shape, None):
        yield problem
        yield from shape
    else:
        yield from name_problems(definition)
    patterns = Patterns()
    for scope in scopes:
        yield from _scope_problems(scope, patterns)


def _size_problems(scopes: list[Scope]) -> Iterator[Problem]:
    for field, most in (("nodes", MAX_NODES), ("edges", MAX_EDGES)):
        count = sum(len(getattr(scope, field)) for scope in scopes)
        if count > most:
            yield Problem(
                field,
                f"A flow may have at most {most} {field}, those in loop and poll bodies "
                f"included; this one has {count}. Move some into a flow of their own "
                "and call it with a module node.",
            )


def _scope_problems(scope: Scope, patterns: Patterns) -> Iterator[Problem]:
    if scope.depth > MAX_BODY_DEPTH:
        yield Problem(
            scope.path,
            f"Bodies may be nested at most {MAX_BODY_DEPTH} deep. Move the inner ones "
            "into a flow of their own and call it with a module node.",
        )
        return
    sound = {}
    for path, node in each(scope.nodes, at(scope.path, "nodes")):
        shape = _node_problems(node, path)
        if problem := next(shape, None):
            yield problem
            yield from shape
        else:
            sound[path] = node
    ids = dict.fromkeys(name for node in scope.nodes if (name := get(node, "id", str)))
    order = Order(scope.edges, ids)
    yield from _repeated_id_problems(scope)
    yield from _edge_problems(scope, ids)
    yield from _cycle_problems(scope, order)
    for path, node in sound.items():
        beside = Beside(ids, order.after[node["id"]], patterns)
        yield from rule_problems(node, path, beside)
    yield from reference_problems(sound, order.is_upstream)


def _node_problems(node, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the shape of a node, going by its type."""
    kind = get(node, "type", str)
    if kind is not None and kind not in NODE_SCHEMAS:
        yield Problem(
            at(path, "type"),
            f'Unknown node type "{quote(kind)}". Use one of: {", ".join(NODE_SCHEMAS)}.',
        )
    yield from shape_problems(NODE_SCHEMAS.get(kind, "BaseFlowNode"), node, path)


def _repeated_id_problems(scope: Scope) -> Iterator[Problem]:
    for field in ("nodes", "edges"):
        seen = set()
        for path, item in each(getattr(scope, field), at(scope.path, field)):
            name = get(item, "id", str)
            if name is not None and name in seen:
                yield Problem(
                    at(path, "id"),
                    f'The id "{quote(name)}" is that of an earlier one of the {field}. '
                    "Give each an id of its own.",
                )
            seen.add(name)


def _edge_problems(scope: Scope, ids: Collection[str]) -> Iterator[Problem]:
    for path, edge in each(scope.edges, at(scope.path, "edges")):
        source, target = ends(edge)
        yield from id_problems(source, ids, path, "source")
        yield from id_problems(target, ids, path, "target")
        if source in ids and source == target:
            yield Problem(
                at(path, "target"),
                f'The edge leads from "{quote(source)}" back to it. '
                "Lead it to another node.",
            )


class Order:
    """Which nodes run before which, as the edges tell."""

    def __init__(self, edges: list, ids: Collection[str]):
        pairs = [
            (source, target)
            for source, target in map(ends, edges)
            if source in ids and target in ids and source != target
        ]
        before = predecessors(ids, pairs)
        self.after = {name: set() for name in ids}
        for source, target in pairs:
            self.after[source].add(target)
        # An int serves as a set of nodes, as 2000 unions of 500 must cost nothing.
        self.bit = {name: 1 << place for place, name in enumerate(before)}
        self.upstream = {}
        self.cycle = []
        try:
            for name in in_order(before):
                sets = (self.bit[one] | self.upstream[one] for one in before[name])
                self.upstream[name] = reduce(or_, sets, 0)
        except Circle as circle:
            self.cycle = circle.names

    def is_upstream(self, first: str, then: str) -> bool:
        """Whether edges lead from one to the other; in a circle, nobody can say."""
        return bool(self.cycle or self.upstream[then] & self.bit[first])


def _cycle_problems(scope: Scope, order: Order) -> Iterator[Problem]:
    names = [quote(name) for name in order.cycle]
    if len(names) > 8:
        names[4:-3] = ["…"]
    if names:
        yield Problem(
            at(scope.path, "edges"),
            f"The edges lead in a circle: {' → '.join(names)}. Remove one of them.",
        )
