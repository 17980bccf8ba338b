"""Check node rules that no schema expresses: names, extractors, operands, targets."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.field_aliases import HEADER
from echopoint.flow_language.numerals import numeral
from echopoint.flow_language.templates import TEMPLATE
from echopoint.flow_language.words import UNARY_OPERATORS
from echopoint.flows.definition.bodies import field_of, with_paths
from echopoint.flows.definition.dynamic_variables import dynamic_problems
from echopoint.flows.definition.names import node_name_problems
from echopoint.flows.definition.patterns import Patterns
from echopoint.flows.definition.shapes import Problem


class NodeContext(NamedTuple):
    """The surroundings of a node that its rules depend on."""

    ids: Collection[str]
    targets: Collection[str]  # ids of the nodes that its edges lead to
    patterns: Patterns


def id_problems(
    name: str | None, ids: Collection[str], path: str, key: str
) -> Iterator[Problem]:
    """Yield a problem if the field names no node of the body."""
    if name is not None and name not in ids:
        yield Problem(at(path, key), _unknown(name))


def _unknown(name: str) -> str:
    return f'No node here has the id "{quote(name)}". Use the id of an existing node.'


def rule_problems(node: dict, path: str, context: NodeContext) -> Iterator[Problem]:
    """Check a node that already matches its schema."""
    yield from node_name_problems(node, path)
    yield from dynamic_problems(node, path)
    for where, output in with_paths(node.get("outputs", []), at(path, "outputs")):
        extractor = output["extractor"]
        where = at(where, "extractor")
        yield from _extractor_problems(extractor["type"], extractor, where)
    for where, assertion in with_paths(
        node.get("assertions", []), at(path, "assertions")
    ):
        yield from _assertion_problems(assertion, where, context.patterns)
    if node["type"] == "branch":
        yield from _branch_problems(node, at(path, "data"), context)


def _branch_problems(node: dict, path: str, context: NodeContext) -> Iterator[Problem]:
    data = node["data"]
    for where, case in with_paths(data["cases"], at(path, "cases")):
        yield from _assertion_problems(
            case["when"], at(where, "when"), context.patterns
        )
        yield from _target_problems(case["target"], node, at(where, "target"), context)
    # Editors write "" for a branch without a default.
    if default := data.get("default"):
        yield from _target_problems(default, node, at(path, "default"), context)


def _target_problems(
    name: str, node: dict, path: str, context: NodeContext
) -> Iterator[Problem]:
    """Check a branch target: a branch only chooses among its own edges."""
    if name not in context.ids:
        yield Problem(path, _unknown(name))
    elif name not in context.targets:
        yield Problem(
            path,
            f'No edge leads from "{quote(node["id"])}" to "{quote(name)}". Add one: a '
            "branch can only follow its edges.",
        )


def _assertion_problems(
    assertion: dict, path: str, patterns: Patterns
) -> Iterator[Problem]:
    kind, data = assertion["extractor_type"], assertion["extractor_data"]
    yield from _extractor_problems(kind, data, at(path, "extractor_data"))
    operator, data = assertion["operator_type"], assertion["operator_data"]
    if message := _operand_message(operator, data, patterns):
        yield Problem(at(path, "operator_data", "value"), message)


def _extractor_problems(kind: str, data: dict, path: str) -> Iterator[Problem]:
    if kind in ("jsonPath", "xmlPath") and not field_of(data, "path", str):
        example = "$.id" if kind == "jsonPath" else "/order/id"
        yield Problem(
            at(path, "path"), f'The {kind} extractor needs a path, such as "{example}".'
        )
    if kind == "header" and not any(field_of(data, name, str) for name in HEADER):
        yield Problem(
            at(path, "header_name"),
            'The header extractor needs a header_name, such as "Content-Type".',
        )


def _operand_message(operator: str, data: dict, patterns: Patterns) -> str | None:
    if operator in UNARY_OPERATORS:
        return None
    if "value" not in data:
        return f"The operator {operator} needs a value to compare with."
    value = data["value"]
    if operator == "between" and not _is_range(value):
        return "The operator between needs a list of two numbers, such as [200, 299]."
    if operator == "regex" and isinstance(value, str) and not TEMPLATE.search(value):
        return patterns.complaint(value)
    return None


def _is_range(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value) -> bool:
    """Whether this is a number, a numeral, or text with a template."""
    if isinstance(value, str):
        return bool(numeral(value) or TEMPLATE.search(value))
    return isinstance(value, int | float) and not isinstance(value, bool)
