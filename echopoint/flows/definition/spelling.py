"""Normalize the spellings of a flow definition before validation and before storage.

Runners read null as absent, accept an empty `display_name` or `run_when`, and know some
fields by two names. The API accepts all of that and stores what the schemas publish.
"""

from collections.abc import Callable

from echopoint.core.json_paths import at
from echopoint.flow_language.field_aliases import ABSENT, ASSERTION, HEADER, QUERY
from echopoint.flows.definition.bodies import field_of, with_paths
from echopoint.flows.definition.schemas import NODE_SCHEMAS, SCHEMAS
from echopoint.flows.definition.shapes import Problem

Rewrite = Callable[[dict, str], dict]


def canonical(definition: object) -> tuple[object, list[Problem]]:
    """Return any JSON value with one name per field, and the fields whose names differed.

    If the values under both names differ, the published name wins: a client that follows
    the schemas changes that field, and sends the other one back unchanged.
    """
    differing: list[Problem] = []
    flow = _rewrite(definition, _Canonicalizer(differing).node)
    if isinstance(flow, dict):
        flow = _without_nulls(flow, "FlowDefinition")
        if flow.get("edges") is None:
            flow["edges"] = []
    return flow, differing


def in_both_spellings(definition: dict) -> dict:
    """Return a valid definition with every field under both names that clients read."""
    return _rewrite(definition, _node_in_both)


def _rewrite(definition: object, rewrite: Rewrite) -> object:
    """Return a copy with each node rewritten, including nodes in bodies."""
    if not isinstance(definition, dict):
        return definition
    definition = dict(definition)
    # A stack, not recursion: this runs before the depth of bodies is checked, so deeply
    # nested ones would raise RecursionError.
    pending = [(definition, "")]
    while pending:
        flow, path = pending.pop()
        if isinstance(flow.get("edges"), list):
            flow["edges"] = _rewrite_items(
                flow["edges"], at(path, "edges"), _edge_without_nulls
            )
        if not isinstance(flow.get("nodes"), list):
            continue
        flow["nodes"] = nodes = list(flow["nodes"])
        for index, (where, node) in enumerate(with_paths(nodes, at(path, "nodes"))):
            if isinstance(node, dict):
                node = nodes[index] = rewrite(node, where)
                if body := _copy_body(node):
                    pending.append((body, at(where, "data", "body")))
    return definition


def _copy_body(node: dict) -> dict | None:
    """Replace the body of a loop or poll with a copy; return the copy."""
    body = field_of(field_of(node, "data", dict), "body", dict)
    if body is None or field_of(node, "type", str) not in ("loop", "poll"):
        return None
    body = _without_nulls(body, "InlineFlowDefinition")
    node["data"] = node["data"] | {"body": body}
    return body


def _edge_without_nulls(edge: dict, path: str) -> dict:
    return _without_nulls(edge, "FlowEdge")


class _Canonicalizer:
    """Rewrites nodes to one name per field; dropped values are listed in `differing`."""

    def __init__(self, differing: list[Problem]):
        self.differing = differing

    def node(self, node: dict, path: str) -> dict:
        node = _without_nulls(node, "BaseFlowNode")
        if node.get("display_name") in ABSENT and field_of(node, "id", str):
            node["display_name"] = node["id"]
        if node.get("run_when") == "":
            node["run_when"] = "on_success"
        kind = field_of(node, "type", str)
        if data := field_of(node, "data", dict):
            data = dict(data)
            if kind == "request":
                self.merge_spellings(data, QUERY, at(path, "data"))
            node["data"] = _without_nulls(data, DATA_SCHEMAS.get(kind))
        return _rewrite_parts(node, path, self.extractor, self.assertion)

    def extractor(self, extractor: dict, path: str) -> dict:
        extractor = dict(extractor)
        self.merge_spellings(extractor, HEADER, path)
        return _without_nulls(extractor, EXTRACTOR)

    def assertion(self, assertion: dict, path: str) -> dict:
        assertion = dict(assertion)
        for spellings in ASSERTION:
            self.merge_spellings(assertion, spellings, path)
        for field in ("extractor_data", "operator_data"):
            if assertion.get(field) is None:
                assertion[field] = {}
        if data := field_of(assertion, "extractor_data", dict):
            where = at(path, "extractor_data")
            assertion["extractor_data"] = self.extractor(data, where)
        return assertion

    def merge_spellings(self, holder: dict, spellings: tuple[str, str], path: str):
        ours, other = spellings
        if other not in holder:
            return
        value = holder.pop(other)
        if holder.get(ours) in ABSENT:
            holder[ours] = value
        elif value not in ABSENT and value != holder[ours]:
            message = (
                f"{ours} and {other} differ. The value of {ours} was stored for both. "
                f"Change {ours}, or send only one of the two."
            )
            self.differing.append(Problem(at(path, other), message))


def _node_in_both(node: dict, path: str) -> dict:
    node = dict(node)
    if node["type"] == "request":
        node["data"] = _fields_in_both(node["data"], QUERY)
    return _rewrite_parts(node, path, _extractor_in_both, _assertion_in_both)


def _extractor_in_both(extractor: dict, path: str) -> dict:
    return _fields_in_both(extractor, HEADER)


def _assertion_in_both(assertion: dict, path: str) -> dict:
    return assertion | {
        "extractor_data": _fields_in_both(assertion["extractor_data"], HEADER)
    }


def _fields_in_both(holder: dict, spellings: tuple[str, str]) -> dict:
    """Return the holder with both fields set, if it has one of them."""
    given = [holder[name] for name in spellings if holder.get(name) not in ABSENT]
    lacking = [name for name in spellings if holder.get(name) in ABSENT]
    return holder | dict.fromkeys(lacking, given[0]) if given else holder


def _rewrite_parts(
    node: dict, path: str, extractor: Rewrite, assertion: Rewrite
) -> dict:
    """Rewrite the extractors and assertions of the node in place, and return it."""
    if outputs := field_of(node, "outputs", list):
        node["outputs"] = _rewrite_items(
            outputs, at(path, "outputs"), extractor, "extractor"
        )
    if assertions := field_of(node, "assertions", list):
        node["assertions"] = _rewrite_items(
            assertions, at(path, "assertions"), assertion
        )
    cases = field_of(field_of(node, "data", dict), "cases", list)
    if cases and node.get("type") == "branch":
        cases = _rewrite_items(cases, at(path, "data", "cases"), assertion, "when")
        node["data"] = node["data"] | {"cases": cases}
    return node


def _rewrite_items(items: list, path: str, rewrite: Rewrite, field: str = "") -> list:
    """Rewrite each item, or only this field of each item."""
    return [
        _rewrite_item(item, where, rewrite, field)
        for where, item in with_paths(items, path)
    ]


def _rewrite_item(item: object, path: str, rewrite: Rewrite, field: str) -> object:
    if not field:
        return rewrite(item, path) if isinstance(item, dict) else item
    inner = field_of(item, field, dict)
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
    """Return the fields that may be absent and do not accept null."""
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
