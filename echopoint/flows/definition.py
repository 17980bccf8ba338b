"""Check a flow definition, and say field by field what is wrong with it."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from operator import or_

# Compiling optimizes: one wide character set costs milliseconds, and a definition
# may hold thousands. Parsing finds the errors in time linear in the pattern.
from re import _parser as regex_parser
from typing import NamedTuple

from echopoint.core.json_paths import at, quote
from echopoint.flows.definition_names import (
    key_problems,
    name_problems,
    node_name_problems,
)
from echopoint.flows.definition_references import TEMPLATE, reference_problems
from echopoint.flows.definition_schemas import (
    MAX_BODY_DEPTH,
    MAX_EDGES,
    MAX_NODES,
    NODE_SCHEMAS,
)
from echopoint.flows.definition_shapes import Problem, shape_problems

NUMERAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


class Scope(NamedTuple):
    """Nodes and the edges between them: those of the flow, or those of one body."""

    path: str
    depth: int
    nodes: list
    edges: list


def problems(definition: object, *, limit: int = 20) -> list[Problem]:
    """Return the first `limit` problems of any JSON value; of a sound flow, none.

    A field is a path such as `nodes[2].data.url`, or "" for the whole.
    """
    return list(islice(_problems(definition), limit))


def _problems(definition) -> Iterator[Problem]:
    scopes = _scopes(definition)
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
    for scope in scopes:
        yield from _scope_problems(scope)


def _scopes(definition) -> list[Scope]:
    """Return the flow and then, level by level, the bodies of its loops and polls."""
    level = [_scope(definition, "", 0)]
    found = []
    while level:
        found += level
        level = [body for scope in level for body in _bodies(scope)]
    return found


def _scope(flow, path: str, depth: int) -> Scope:
    nodes, edges = _get(flow, "nodes", list), _get(flow, "edges", list)
    return Scope(path, depth, nodes or [], edges or [])


def _bodies(scope: Scope) -> Iterator[Scope]:
    # One level too many is returned, to be refused; what it holds is not read.
    if scope.depth > MAX_BODY_DEPTH:
        return
    for path, node in _each(scope.nodes, at(scope.path, "nodes")):
        if _get(node, "type", str) in ("loop", "poll"):
            body = _get(_get(node, "data", dict), "body", dict)
            yield _scope(body, at(path, "data", "body"), scope.depth + 1)


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


def _scope_problems(scope: Scope) -> Iterator[Problem]:
    if scope.depth > MAX_BODY_DEPTH:
        yield Problem(
            scope.path,
            f"Bodies may be nested at most {MAX_BODY_DEPTH} deep. Move the inner ones "
            "into a flow of their own and call it with a module node.",
        )
        return
    sound = {}
    for path, node in _each(scope.nodes, at(scope.path, "nodes")):
        shape = _node_problems(node, path)
        if problem := next(shape, None):
            yield problem
            yield from shape
        else:
            sound[path] = node
    ids = dict.fromkeys(name for node in scope.nodes if (name := _get(node, "id", str)))
    order = Order(scope.edges, ids)
    yield from _repeated_id_problems(scope)
    yield from _edge_problems(scope, ids)
    yield from _cycle_problems(scope, order)
    for path, node in sound.items():
        yield from _rule_problems(node, path, ids)
    yield from reference_problems(sound, order.is_upstream)


def _node_problems(node, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the shape of a node, going by its type."""
    kind = _get(node, "type", str)
    if kind is not None and kind not in NODE_SCHEMAS:
        yield Problem(
            at(path, "type"),
            f'Unknown node type "{quote(kind)}". Use one of: {", ".join(NODE_SCHEMAS)}.',
        )
    yield from shape_problems(NODE_SCHEMAS.get(kind, "BaseFlowNode"), node, path)


def _repeated_id_problems(scope: Scope) -> Iterator[Problem]:
    for field in ("nodes", "edges"):
        seen = set()
        for path, item in _each(getattr(scope, field), at(scope.path, field)):
            name = _get(item, "id", str)
            if name is not None and name in seen:
                yield Problem(
                    at(path, "id"),
                    f'The id "{quote(name)}" is that of an earlier one of the {field}. '
                    "Give each an id of its own.",
                )
            seen.add(name)


def _edge_problems(scope: Scope, ids: Collection[str]) -> Iterator[Problem]:
    for path, edge in _each(scope.edges, at(scope.path, "edges")):
        source, target = _ends(edge)
        yield from _id_problems(source, ids, path, "source")
        yield from _id_problems(target, ids, path, "target")
        if source in ids and source == target:
            yield Problem(
                at(path, "target"),
                f'The edge leads from "{quote(source)}" back to it. '
                "Lead it to another node.",
            )


def _id_problems(
    name: str | None, ids: Collection[str], path: str, key: str
) -> Iterator[Problem]:
    if name is not None and name not in ids:
        yield Problem(
            at(path, key),
            f'No node here has the id "{quote(name)}". Use the id of one that is listed.',
        )


class Order:
    """Which nodes run before which, as the edges tell."""

    def __init__(self, edges: list, ids: Collection[str]):
        before = {name: [] for name in ids}
        for source, target in map(_ends, edges):
            if source in before and target in before and source != target:
                before[target].append(source)
        # An int serves as a set of nodes, as 2000 unions of 500 must cost nothing.
        self.bit = {name: 1 << place for place, name in enumerate(before)}
        self.upstream = {}
        self.cycle = []
        try:
            for name in TopologicalSorter(before).static_order():
                sets = (self.bit[one] | self.upstream[one] for one in before[name])
                self.upstream[name] = reduce(or_, sets, 0)
        except CycleError as error:
            self.cycle = error.args[1]

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


def _rule_problems(node: dict, path: str, ids: Collection[str]) -> Iterator[Problem]:
    """Yield what no schema can say, of a node whose shape is right."""
    yield from node_name_problems(node, path)
    for where, output in _each(node.get("outputs", []), at(path, "outputs")):
        extractor = output["extractor"]
        where = at(where, "extractor")
        yield from _extractor_problems(extractor["type"], extractor, where)
    for where, assertion in _each(node.get("assertions", []), at(path, "assertions")):
        yield from _assertion_problems(assertion, where)
    if node["type"] == "branch":
        yield from _branch_problems(node["data"], at(path, "data"), ids)


def _branch_problems(data: dict, path: str, ids: Collection[str]) -> Iterator[Problem]:
    for where, case in _each(data["cases"], at(path, "cases")):
        yield from _assertion_problems(case["when"], at(where, "when"))
        yield from _id_problems(case["target"], ids, where, "target")
    # Editors write "" for a branch that has none.
    yield from _id_problems(data.get("default") or None, ids, path, "default")


def _assertion_problems(assertion: dict, path: str) -> Iterator[Problem]:
    kind, data = assertion["extractor_type"], assertion["extractor_data"]
    yield from _extractor_problems(kind, data, at(path, "extractor_data"))
    operator, data = assertion["operator_type"], assertion["operator_data"]
    if message := _operand_message(operator, data):
        yield Problem(at(path, "operator_data", "value"), message)


def _extractor_problems(kind: str, data: dict, path: str) -> Iterator[Problem]:
    if kind in ("jsonPath", "xmlPath") and not _get(data, "path", str):
        example = "$.id" if kind == "jsonPath" else "/order/id"
        yield Problem(
            at(path, "path"), f'The {kind} extractor needs a path, such as "{example}".'
        )
    named = _get(data, "header_name", str) or _get(data, "headerName", str)
    if kind == "header" and not named:
        yield Problem(
            at(path, "header_name"),
            'The header extractor needs a header_name, such as "Content-Type".',
        )


def _operand_message(operator: str, data: dict) -> str | None:
    if operator in ("empty", "notEmpty"):
        return None
    if "value" not in data:
        return f"The operator {operator} needs a value to compare with."
    value = data["value"]
    if operator == "between" and not _is_range(value):
        return "The operator between needs a list of two numbers, such as [200, 299]."
    if operator == "regex" and isinstance(value, str) and not TEMPLATE.search(value):
        return _regex_message(value)
    return None


def _is_range(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value) -> bool:
    """Whether this is a number, or text that is or can become one."""
    if isinstance(value, str):
        return bool(NUMERAL.fullmatch(value.strip()) or TEMPLATE.search(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _regex_message(pattern: str) -> str | None:
    try:
        # Where warnings are errors, an odd pattern that is right would raise one.
        with suppress(Warning):
            regex_parser.parse(pattern)
    except RecursionError:
        return "The regular expression is nested too deep. Make it simpler."
    except (re.error, OverflowError) as error:
        return f"The regular expression is not valid: {quote(str(error))}."
    return None


def _ends(edge) -> tuple[str | None, str | None]:
    return _get(edge, "source", str), _get(edge, "target", str)


def _each(items: list, path: str) -> Iterator[tuple[str, object]]:
    return ((at(path, place), item) for place, item in enumerate(items))


def _get(value, key: str, kind: type):
    """Return a field of a value that may be anything, if it is of this kind."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None
