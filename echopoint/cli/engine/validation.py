"""Validate a package before it runs."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from echopoint.cli.engine.dynamic_variables import require_valid_reference
from echopoint.cli.engine.exceptions import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.graph import node_predecessors
from echopoint.cli.engine.normalization import normalize
from echopoint.cli.engine.templates import references
from echopoint.cli.engine.values import is_deep
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.field_aliases import HEADER, QUERY
from echopoint.flow_language.graph import GraphCycle, topological_order
from echopoint.flow_language.words import (
    EDGE_TYPES,
    EXTRACTORS,
    HTTP_METHODS,
    OPERATORS,
    RUN_WHEN,
)

# One day: longer than any run, and within the range of every clock.
MAX_MILLISECONDS = 24 * 60 * 60 * 1000
MAX_DEPTH = 100
MAX_NAMED = 5

T = TypeVar("T")


def require_package(package: object) -> dict[str, Any]:
    """Return the package with defaults for absent fields.

    Raises InvalidPackage, and UnsupportedFlow as require_supported does.
    """
    checked = _object(package, "The package must be an object.")
    if is_deep(checked, MAX_DEPTH):
        raise InvalidPackage(f"The package is nested deeper than {MAX_DEPTH} levels.")
    for key in ("execution_id", "flow_id"):
        _field(checked, key, str, "package")
    # Null counts as absent.
    optional: dict[str, Any] = {
        "inputs": {},
        "referenced_flows": {},
        "secret_input_keys": [],
    }
    checked = checked | {
        key: checked[key] if checked.get(key) is not None else default
        for key, default in optional.items()
    }
    _field(checked, "inputs", dict, "package")
    keys = _field(checked, "secret_input_keys", list, "package")
    _require(
        all(isinstance(key, str) for key in keys), "secret_input_keys must be strings."
    )
    definition = require_supported(
        checked.get("flow_definition"), checked["referenced_flows"]
    )
    return checked | {"flow_definition": definition}


def require_supported(definition: object, referenced_flows: object) -> dict[str, Any]:
    """Return the normalized definition.

    Raises UnsupportedFlow with the unsupported parts, and InvalidPackage for an invalid
    definition. Only module nodes run referenced flows, so those are checked for unsupported
    parts alone.
    """
    referenced = _object(referenced_flows, "The referenced_flows must be an object.")
    normalized = _check_shape(normalize(definition))
    flows = [normalized, *map(_referenced, referenced.values())]
    names = list(dict.fromkeys(text for flow in flows for text in _unsupported(flow)))
    if names:
        rest = len(names) - MAX_NAMED
        more = f", and {rest} more" if rest > 0 else ""
        raise UnsupportedFlow(
            f"This flow cannot run here because of {', '.join(names[:MAX_NAMED])}{more}. "
            "Use --runner-binary PATH to run it with a runner that can."
        )
    _check(normalized)
    return normalized


def _referenced(flow: object) -> dict[str, Any]:
    checked = _object(flow, "A referenced flow must be an object.")
    return _check_shape(normalize(checked.get("flow_definition")))


def _unsupported(definition: dict[str, Any]) -> Iterator[str]:
    for node in definition["nodes"]:
        name = f'node "{_quote(node["id"])}"'
        if node["type"] not in CHECKS:
            yield f'the {name} of type "{_quote(node["type"])}"'


def _check_shape(definition: object) -> dict[str, Any]:
    """Validate only what the search for unsupported parts needs."""
    checked = _object(definition, "The flow_definition must be an object.")
    for node in _field(checked, "nodes", list, "flow_definition"):
        _object(node, "A node must be an object.")
        _field(node, "id", str, "node")
        _field(node, "type", str, f'node "{_quote(node["id"])}"')
        for key in ("outputs", "assertions"):
            _optional(node, key, list, f'node "{_quote(node["id"])}"')
    return checked


def _check(definition: dict[str, Any]) -> None:
    """Validate the data of the nodes, and that edges form no cycle."""
    nodes = definition["nodes"]
    for reference in filter(is_dynamic, references(nodes)):
        require_valid_reference(reference)
    ids = {node["id"] for node in nodes}
    _require(len(ids) == len(nodes), "Two nodes have the same id.")
    for node in nodes:
        _check_node(node, f'node "{_quote(node["id"])}"')
    for edge in _field(definition, "edges", list, "flow_definition"):
        _object(edge, "An edge must be an object.")
        for end in ("source", "target"):
            name = _field(edge, end, str, "edge")
            _require(
                name in ids, f'An edge refers to "{_quote(name)}", which is not a node.'
            )
        _one_of(edge.get("type"), (None, *EDGE_TYPES), "The type of an edge")
    try:
        topological_order(node_predecessors(definition))
    except GraphCycle as cycle:
        raise InvalidPackage(f"The edges form a cycle: {cycle}.") from None


def _check_node(node: dict[str, Any], name: str) -> None:
    _field(node, "display_name", str, name)
    _one_of(node.get("run_when"), (None, *RUN_WHEN), f"The run_when of the {name}")
    CHECKS[node["type"]](_field(node, "data", dict, name), name)
    for output in node.get("outputs") or ():
        _object(output, f"An output of the {name} must be an object.")
        _field(output, "name", str, f"output of the {name}")
        extractor = _field(output, "extractor", dict, f"output of the {name}")
        _check_extractor(extractor.get("type"), extractor, f"output of the {name}")
    for assertion in node.get("assertions") or ():
        _check_assertion(assertion, f"assertion of the {name}")


def _check_assertion(assertion: object, name: str) -> None:
    checked = _object(assertion, f"An {name} must be an object.")
    data = _field(checked, "extractor_data", dict, name)
    _check_extractor(checked.get("extractor_type"), data, name)
    _one_of(checked.get("operator_type"), OPERATORS, f"The operator of an {name}")
    _field(checked, "operator_data", dict, name)


def _check_extractor(kind: object, data: dict[str, Any], name: str) -> None:
    _one_of(kind, EXTRACTORS, f"The extractor of an {name}")
    for key in ("path", *HEADER):
        _optional(data, key, str, name)


def _check_request(data: dict[str, Any], name: str) -> None:
    _one_of(data.get("method"), HTTP_METHODS, f"The method of the {name}")
    _field(data, "url", str, name)
    headers = _optional(data, "headers", dict, name) or {}
    _require(
        all(isinstance(value, str) for value in headers.values()),
        f"The headers of the {name} must be strings.",
    )
    for key in QUERY:
        _optional(data, key, dict, name)
    _optional(data, "follow_redirects", bool, name)
    _check_milliseconds(data.get("timeout") or 0, f"The timeout of the {name}")


def _check_delay(data: dict[str, Any], name: str) -> None:
    _check_milliseconds(data.get("duration"), f"The duration of the {name}")


def _check_variables(data: dict[str, Any], name: str) -> None:
    _field(data, "variables", dict, name)


def _check_target(data: dict[str, Any], name: str) -> None:
    """Accept any target, also none."""


CHECKS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "request": _check_request,
    "delay": _check_delay,
    "set_variable": _check_variables,
    "assert": _check_target,
}


def _check_milliseconds(value: object, name: str) -> None:
    _require(
        isinstance(value, int)
        and not isinstance(value, bool)
        and 0 <= value <= MAX_MILLISECONDS,
        f"{name} must be whole milliseconds, from 0 to {MAX_MILLISECONDS} (a day).",
    )


def _one_of(value: object, known: Sequence[str | None], name: str) -> None:
    # Other types may not be hashable.
    _require(
        (value is None or isinstance(value, str)) and value in known,
        f"{name} is unknown. Use one of: {', '.join(filter(None, known))}.",
    )


def _object(value: object, message: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidPackage(message)
    return value


def _field(holder: dict[str, Any], key: str, kind: type[T], name: str) -> T:
    value = holder.get(key)
    if not isinstance(value, kind):
        raise InvalidPackage(f'{name}: "{key}" is missing or has the wrong type.')
    return value


def _optional(holder: dict[str, Any], key: str, kind: type[T], name: str) -> T | None:
    return None if holder.get(key) is None else _field(holder, key, kind, name)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidPackage(message)


def _quote(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
