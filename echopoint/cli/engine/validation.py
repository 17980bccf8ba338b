"""Check what is to be run, before anything of it runs."""

from collections.abc import Iterator

from echopoint.cli.engine.dynamic_variables import require_known
from echopoint.cli.engine.exceptions import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.graph import before_each
from echopoint.cli.engine.normalization import filled
from echopoint.cli.engine.templates import references
from echopoint.cli.engine.values import is_deep
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.order import Circle, in_order
from echopoint.flow_language.spellings import HEADER, QUERY
from echopoint.flow_language.words import (
    EDGE_TYPES,
    EXTRACTORS,
    HTTP_METHODS,
    OPERATORS,
    RUN_WHEN,
)

# Longer than any run may take, and short enough for every clock.
MAX_MILLISECONDS = 24 * 60 * 60 * 1000
MAX_DEPTH = 100
MAX_NAMED = 5


def require_package(package: object) -> dict:
    """Return the package with what may be absent in its place.

    Raises InvalidPackage, and UnsupportedFlow as require_supported does.
    """
    _require(isinstance(package, dict), "The package must be an object.")
    if is_deep(package, MAX_DEPTH):
        raise InvalidPackage(f"The package is nested deeper than {MAX_DEPTH} levels.")
    for key in ("execution_id", "flow_id"):
        _field(package, key, str, "package")
    # Absent and null are nothing at all.
    optional = {"inputs": {}, "referenced_flows": {}, "secret_input_keys": []}
    package = package | {
        key: package[key] if package.get(key) is not None else nothing
        for key, nothing in optional.items()
    }
    _field(package, "inputs", dict, "package")
    keys = _field(package, "secret_input_keys", list, "package")
    _require(
        all(isinstance(key, str) for key in keys), "A secret_input_key is no text."
    )
    definition = require_supported(
        package.get("flow_definition"), package["referenced_flows"]
    )
    return package | {"flow_definition": definition}


def require_supported(definition: object, referenced_flows: object) -> dict:
    """Return the definition as the engine reads it.

    Raises UnsupportedFlow for a flow that this engine cannot run, naming why, and
    InvalidPackage for what is no flow definition. Referenced flows are run by module
    nodes only, so those are looked through for unsupported parts alone.
    """
    _require(
        isinstance(referenced_flows, dict), "The referenced_flows must be an object."
    )
    definition = filled(definition)
    _check_shape(definition)
    flows = [definition, *map(_referenced, referenced_flows.values())]
    named = list(dict.fromkeys(text for flow in flows for text in _unsupported(flow)))
    if named:
        rest = len(named) - MAX_NAMED
        more = f", and {rest} more" if rest > 0 else ""
        raise UnsupportedFlow(
            f"This flow cannot be run here, for {', '.join(named[:MAX_NAMED])}{more}. "
            "Use --runner-binary PATH to run it with a runner that can."
        )
    _check(definition)
    return definition


def _referenced(flow: object) -> object:
    _require(isinstance(flow, dict), "A referenced flow must be an object.")
    definition = filled(flow.get("flow_definition"))
    _check_shape(definition)
    return definition


def _unsupported(definition: dict) -> Iterator[str]:
    for node in definition["nodes"]:
        name = f'node "{_quote(node["id"])}"'
        if node["type"] not in CHECKS:
            yield f'the {name} of type "{_quote(node["type"])}"'


def _check_shape(definition: object) -> None:
    """Require what it takes to look for unsupported parts."""
    _require(isinstance(definition, dict), "The flow_definition must be an object.")
    for node in _field(definition, "nodes", list, "flow_definition"):
        _require(isinstance(node, dict), "A node must be an object.")
        _field(node, "id", str, "node")
        _field(node, "type", str, f'node "{_quote(node["id"])}"')
        for key in ("outputs", "assertions"):
            _optional(node, key, list, f'node "{_quote(node["id"])}"')


def _check(definition: dict) -> None:
    """Require all else: what the nodes need, and edges between them without circles."""
    nodes = definition["nodes"]
    for reference in filter(is_dynamic, references(nodes)):
        require_known(reference)
    ids = {node["id"] for node in nodes}
    _require(len(ids) == len(nodes), "Two nodes have the same id.")
    for node in nodes:
        _check_node(node, f'node "{_quote(node["id"])}"')
    for edge in _field(definition, "edges", list, "flow_definition"):
        _require(isinstance(edge, dict), "An edge must be an object.")
        for end in ("source", "target"):
            name = _field(edge, end, str, "edge")
            _require(name in ids, f'An edge names "{_quote(name)}", which is no node.')
        _one_of(edge.get("type"), (None, *EDGE_TYPES), "The type of an edge")
    try:
        in_order(before_each(definition))
    except Circle as circle:
        raise InvalidPackage(f"The edges lead in a circle: {circle}.") from None


def _check_node(node: dict, name: str) -> None:
    _field(node, "display_name", str, name)
    _one_of(node.get("run_when"), (None, *RUN_WHEN), f"The run_when of the {name}")
    CHECKS[node["type"]](_field(node, "data", dict, name), name)
    for output in node.get("outputs") or ():
        _require(
            isinstance(output, dict), f"An output of the {name} must be an object."
        )
        _field(output, "name", str, f"output of the {name}")
        extractor = _field(output, "extractor", dict, f"output of the {name}")
        _check_extractor(extractor.get("type"), extractor, f"output of the {name}")
    for assertion in node.get("assertions") or ():
        _check_assertion(assertion, f"assertion of the {name}")


def _check_assertion(assertion: object, name: str) -> None:
    _require(isinstance(assertion, dict), f"An {name} must be an object.")
    data = _field(assertion, "extractor_data", dict, name)
    _check_extractor(assertion.get("extractor_type"), data, name)
    _one_of(assertion.get("operator_type"), OPERATORS, f"The operator of an {name}")
    _field(assertion, "operator_data", dict, name)


def _check_extractor(kind: object, data: dict, name: str) -> None:
    _one_of(kind, EXTRACTORS, f"The extractor of an {name}")
    for key in ("path", *HEADER):
        _optional(data, key, str, name)


def _check_request(data: dict, name: str) -> None:
    _one_of(data.get("method"), HTTP_METHODS, f"The method of the {name}")
    _field(data, "url", str, name)
    headers = _optional(data, "headers", dict, name) or {}
    _require(
        all(isinstance(value, str) for value in headers.values()),
        f"The headers of the {name} must be texts.",
    )
    for key in QUERY:
        _optional(data, key, dict, name)
    _optional(data, "follow_redirects", bool, name)
    _check_milliseconds(data.get("timeout") or 0, f"The timeout of the {name}")


def _check_delay(data: dict, name: str) -> None:
    _check_milliseconds(data.get("duration"), f"The duration of the {name}")


def _check_variables(data: dict, name: str) -> None:
    _field(data, "variables", dict, name)


def _check_target(data: dict, name: str) -> None:
    """A target may be anything, and be absent."""


CHECKS = {
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


def _one_of(value: object, known, name: str) -> None:
    # What is no text may have no hash to look it up by.
    _require(
        (value is None or isinstance(value, str)) and value in known,
        f"{name} is unknown. Use one of: {', '.join(filter(None, known))}.",
    )


def _field(holder: dict, key: str, kind: type, name: str) -> object:
    value = holder.get(key)
    _require(
        isinstance(value, kind), f'The {name} has no "{key}", or not one of its form.'
    )
    return value


def _optional(holder: dict, key: str, kind: type, name: str) -> object:
    return None if holder.get(key) is None else _field(holder, key, kind, name)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidPackage(message)


def _quote(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
