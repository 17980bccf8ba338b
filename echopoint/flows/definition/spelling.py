"""Write a flow definition one way before it is checked, and both ways to be read.

Runners read null as absent, take an empty `display_name` or `run_when`, and know some
fields by two names. What they run is accepted, and stored as the published schemas say.
"""

from collections.abc import Callable

from echopoint.core.json_paths import at
from echopoint.flow_language.spellings import ABSENT, ASSERTION, HEADER, QUERY
from echopoint.flows.definition.bodies import each, get
from echopoint.flows.definition.schemas import NODE_SCHEMAS, SCHEMAS
from echopoint.flows.definition.shapes import Problem

Rewrite = Callable[[dict, str], dict]


def canonical(definition: object) -> tuple[object, list[Problem]]:
    """Return any JSON value in one spelling, and where two of them differed.

    Where they differ, ours counts. A client that follows the published schemas changes
    that one, and sends the other back as it came.
    """
    differing: list[Problem] = []
    flow = _rewritten(definition, _Canonical(differing).node)
    if isinstance(flow, dict):
        flow = _without_nulls(flow, "FlowDefinition")
        if flow.get("edges") is None:
            flow["edges"] = []
    return flow, differing


def in_both_spellings(definition: dict) -> dict:
    """Return a sound definition with every field under both names that clients read."""
    return _rewritten(definition, _widened)


def _rewritten(definition: object, rewrite: Rewrite) -> object:
    """Return a copy with each node rewritten, those in bodies too."""
    if not isinstance(definition, dict):
        return definition
    whole = dict(definition)
    # No recursion: bodies may be nested as deep as JSON goes.
    waiting = [(whole, "")]
    while waiting:
        flow, path = waiting.pop()
        if isinstance(flow.get("edges"), list):
            flow["edges"] = _each(flow["edges"], at(path, "edges"), _plain_edge)
        if not isinstance(flow.get("nodes"), list):
            continue
        flow["nodes"] = nodes = list(flow["nodes"])
        for place, (where, node) in enumerate(each(nodes, at(path, "nodes"))):
            if isinstance(node, dict):
                node = nodes[place] = rewrite(node, where)
                if body := _own_body(node):
                    waiting.append((body, at(where, "data", "body")))
    return whole


def _own_body(node: dict) -> dict | None:
    """Return a copy of the body of a loop or poll, put in the place of the body."""
    body = get(get(node, "data", dict), "body", dict)
    if body is None or get(node, "type", str) not in ("loop", "poll"):
        return None
    body = _without_nulls(body, "InlineFlowDefinition")
    node["data"] = node["data"] | {"body": body}
    return body


def _plain_edge(edge: dict, path: str) -> dict:
    return _without_nulls(edge, "FlowEdge")


class _Canonical:
    """Writes nodes one way; what it drops is told in `differing`."""

    def __init__(self, differing: list[Problem]):
        self.differing = differing

    def node(self, node: dict, path: str) -> dict:
        node = _without_nulls(node, "BaseFlowNode")
        if node.get("display_name") in ABSENT and get(node, "id", str):
            node["display_name"] = node["id"]
        if node.get("run_when") == "":
            node["run_when"] = "on_success"
        kind = get(node, "type", str)
        if data := get(node, "data", dict):
            data = dict(data)
            if kind == "request":
                self.one_spelling(data, QUERY, at(path, "data"))
            node["data"] = _without_nulls(data, DATA_SCHEMAS.get(kind))
        return _with_parts(node, path, self.extractor, self.assertion)

    def extractor(self, extractor: dict, path: str) -> dict:
        extractor = dict(extractor)
        self.one_spelling(extractor, HEADER, path)
        return _without_nulls(extractor, EXTRACTOR)

    def assertion(self, assertion: dict, path: str) -> dict:
        assertion = dict(assertion)
        for spellings in ASSERTION:
            self.one_spelling(assertion, spellings, path)
        for field in ("extractor_data", "operator_data"):
            if assertion.get(field) is None:
                assertion[field] = {}
        if data := get(assertion, "extractor_data", dict):
            where = at(path, "extractor_data")
            assertion["extractor_data"] = self.extractor(data, where)
        return assertion

    def one_spelling(self, holder: dict, spellings: tuple[str, str], path: str):
        ours, other = spellings
        if other not in holder:
            return
        value = holder.pop(other)
        if holder.get(ours) in ABSENT:
            holder[ours] = value
        elif value not in ABSENT and value != holder[ours]:
            message = (
                f"{ours} and {other} differ. {ours} was kept, and {other} is now the "
                f"same. Change {ours}, or send one of the two."
            )
            self.differing.append(Problem(at(path, other), message))


def _widened(node: dict, path: str) -> dict:
    node = dict(node)
    if node["type"] == "request":
        node["data"] = _both(node["data"], QUERY)
    return _with_parts(node, path, _both_headers, _widened_assertion)


def _both_headers(extractor: dict, path: str) -> dict:
    return _both(extractor, HEADER)


def _widened_assertion(assertion: dict, path: str) -> dict:
    return assertion | {"extractor_data": _both(assertion["extractor_data"], HEADER)}


def _both(holder: dict, spellings: tuple[str, str]) -> dict:
    """Return the holder with either field as the other, if it has one of them."""
    given = [holder[name] for name in spellings if holder.get(name) not in ABSENT]
    lacking = [name for name in spellings if holder.get(name) in ABSENT]
    return holder | dict.fromkeys(lacking, given[0]) if given else holder


def _with_parts(node: dict, path: str, extractor: Rewrite, assertion: Rewrite) -> dict:
    """Return the node, which may be changed, with its parts rewritten."""
    if outputs := get(node, "outputs", list):
        node["outputs"] = _each(outputs, at(path, "outputs"), extractor, "extractor")
    if assertions := get(node, "assertions", list):
        node["assertions"] = _each(assertions, at(path, "assertions"), assertion)
    cases = get(get(node, "data", dict), "cases", list)
    if cases and node.get("type") == "branch":
        cases = _each(cases, at(path, "data", "cases"), assertion, "when")
        node["data"] = node["data"] | {"cases": cases}
    return node


def _each(items: list, path: str, rewrite: Rewrite, field: str = "") -> list:
    """Return the items with each rewritten, or with this field of each."""
    return [_one(item, where, rewrite, field) for where, item in each(items, path)]


def _one(item: object, path: str, rewrite: Rewrite, field: str) -> object:
    if not field:
        return rewrite(item, path) if isinstance(item, dict) else item
    inner = get(item, field, dict)
    return item if inner is None else item | {field: rewrite(inner, at(path, field))}


def _without_nulls(value: dict, schema: str | None) -> dict:
    """Return a copy without the optional fields that are null."""
    optional = OPTIONAL.get(schema, ())
    return {
        key: item
        for key, item in value.items()
        if item is not None or key not in optional
    }


def _optional(schema: dict) -> set[str]:
    """Return the fields that may be absent, and that null is no value of."""
    fields = schema.get("properties", {})
    return {name for name, rules in fields.items() if rules} - set(
        schema.get("required", ())
    )


EXTRACTOR = "extractor"
OPTIONAL = {name: _optional(schema) for name, schema in SCHEMAS.items()}
OPTIONAL[EXTRACTOR] = _optional(SCHEMAS["Output"]["properties"]["extractor"])
DATA_SCHEMAS = {
    kind: SCHEMAS[name]["allOf"][1]["properties"]["data"]["$ref"].rpartition("/")[2]
    for kind, name in NODE_SCHEMAS.items()
}
