"""Validate a flow definition and report the problems of each field."""

from collections.abc import Collection, Iterator
from functools import reduce
from itertools import islice
from operator import or_

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.graph import GraphCycle, predecessors, topological_order
from echopoint.flows.definition.bodies import (
    FlowBody,
    bodies_of,
    edge_ends,
    field_of,
    with_paths,
)
from echopoint.flows.definition.names import key_problems, name_problems
from echopoint.flows.definition.patterns import Patterns
from echopoint.flows.definition.references import reference_problems
from echopoint.flows.definition.rules import NodeContext, id_problems, rule_problems
from echopoint.flows.definition.schemas import (
    MAX_BODY_DEPTH,
    MAX_EDGES,
    MAX_NODES,
    NODE_SCHEMAS,
)
from echopoint.flows.definition.shapes import Problem, shape_problems


def problems(definition: object, *, limit: int = 20) -> list[Problem]:
    """Return the first `limit` problems of any JSON value; [] if the flow is valid.

    A field is a path such as `nodes[2].data.url`, or "" for the whole.
    """
    return list(islice(_problems(definition), limit))


def _problems(definition) -> Iterator[Problem]:
    bodies = bodies_of(definition)
    # Check the size first: the checks below take time in proportion to it.
    if oversize := list(_size_problems(bodies)):
        yield from oversize
        return
    # Then stop at API keys: the messages below quote values, and would leak one.
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
    for body in bodies:
        yield from _body_problems(body, patterns)


def _size_problems(bodies: list[FlowBody]) -> Iterator[Problem]:
    for field, most in (("nodes", MAX_NODES), ("edges", MAX_EDGES)):
        count = sum(len(getattr(body, field)) for body in bodies)
        if count > most:
            yield Problem(
                field,
                f"A flow may have at most {most} {field}, including those in loop "
                f"and poll bodies; this one has {count}. Move some into a flow of their own "
                "and call it with a module node.",
            )


def _body_problems(body: FlowBody, patterns: Patterns) -> Iterator[Problem]:
    if body.depth > MAX_BODY_DEPTH:
        yield Problem(
            body.path,
            f"Bodies may be nested at most {MAX_BODY_DEPTH} deep. Move the inner ones "
            "into a flow of their own and call it with a module node.",
        )
        return
    well_formed = {}
    for path, node in with_paths(body.nodes, at(body.path, "nodes")):
        shape = _node_problems(node, path)
        if problem := next(shape, None):
            yield problem
            yield from shape
        else:
            well_formed[path] = node
    ids = dict.fromkeys(
        name for node in body.nodes if (name := field_of(node, "id", str))
    )
    graph = Graph(body.edges, ids)
    yield from _repeated_id_problems(body)
    yield from _edge_problems(body, ids)
    yield from _cycle_problems(body, graph)
    for path, node in well_formed.items():
        context = NodeContext(ids, graph.targets[node["id"]], patterns)
        yield from rule_problems(node, path, context)
    yield from reference_problems(well_formed, graph.is_upstream)


def _node_problems(node, path: str) -> Iterator[Problem]:
    """Check a node against the schema of its type."""
    kind = field_of(node, "type", str)
    if kind is not None and kind not in NODE_SCHEMAS:
        yield Problem(
            at(path, "type"),
            f'Unknown node type "{quote(kind)}". Use one of: {", ".join(NODE_SCHEMAS)}.',
        )
    yield from shape_problems(NODE_SCHEMAS.get(kind, "BaseFlowNode"), node, path)


def _repeated_id_problems(body: FlowBody) -> Iterator[Problem]:
    for field in ("nodes", "edges"):
        seen = set()
        for path, item in with_paths(getattr(body, field), at(body.path, field)):
            name = field_of(item, "id", str)
            if name is not None and name in seen:
                yield Problem(
                    at(path, "id"),
                    f'The id "{quote(name)}" is already used by an earlier entry of {field}. '
                    "Make each id unique.",
                )
            seen.add(name)


def _edge_problems(body: FlowBody, ids: Collection[str]) -> Iterator[Problem]:
    for path, edge in with_paths(body.edges, at(body.path, "edges")):
        source, target = edge_ends(edge)
        yield from id_problems(source, ids, path, "source")
        yield from id_problems(target, ids, path, "target")
        if source in ids and source == target:
            yield Problem(
                at(path, "target"),
                f'The edge connects "{quote(source)}" to itself. '
                "Connect it to another node.",
            )


class Graph:
    """The nodes of one body and the edges between them."""

    def __init__(self, edges: list, ids: Collection[str]):
        pairs = [
            (source, target)
            for source, target in map(edge_ends, edges)
            if source in ids and target in ids and source != target
        ]
        before = predecessors(ids, pairs)
        self.targets = {name: set() for name in ids}
        for source, target in pairs:
            self.targets[source].add(target)
        # Sets of nodes are bit masks: set objects would make a flow at its limits (500
        # nodes, 2000 edges) slow to validate.
        self.bit = {name: 1 << index for index, name in enumerate(before)}
        self.upstream = {}
        self.cycle = []
        try:
            for name in topological_order(before):
                masks = (self.bit[n] | self.upstream[n] for n in before[name])
                self.upstream[name] = reduce(or_, masks, 0)
        except GraphCycle as cycle_error:
            self.cycle = cycle_error.names

    def is_upstream(self, first: str, then: str) -> bool:
        """Whether a path of edges leads from `first` to `then`.

        Always True if the graph has a cycle: that is reported by itself, and messages about
        references would only repeat it.
        """
        return bool(self.cycle or self.upstream[then] & self.bit[first])


def _cycle_problems(body: FlowBody, graph: Graph) -> Iterator[Problem]:
    names = [quote(name) for name in graph.cycle]
    if len(names) > 8:
        names[4:-3] = ["…"]
    if names:
        yield Problem(
            at(body.path, "edges"),
            f"The edges form a cycle: {' → '.join(names)}. Remove one of them.",
        )
