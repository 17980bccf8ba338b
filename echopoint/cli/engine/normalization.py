"""Fill in defaults of a flow definition, and rename aliased fields.

Aliases of query parameters and header names stay: their readers accept both names.
"""

from echopoint.flow_language.field_aliases import ABSENT, ASSERTION


def normalize(definition: object) -> object:
    """Return a normalized copy; values that are not objects are returned unchanged."""
    if not isinstance(definition, dict):
        return definition
    definition = dict(definition)
    if definition.get("edges") is None:
        definition["edges"] = []
    if isinstance(definition.get("nodes"), list):
        definition["nodes"] = [_node(node) for node in definition["nodes"]]
    return definition


def _node(node: object) -> object:
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if node.get("display_name") in ABSENT:
        node["display_name"] = node.get("id")
    if node.get("run_when") == "":
        del node["run_when"]
    if isinstance(node.get("assertions"), list):
        node["assertions"] = [_assertion(each) for each in node["assertions"]]
    return node


def _assertion(assertion: object) -> object:
    if not isinstance(assertion, dict):
        return assertion
    assertion = dict(assertion)
    for ours, other in ASSERTION:
        value = assertion.pop(other, None)
        if assertion.get(ours) in ABSENT:
            assertion[ours] = value
    for data in ("extractor_data", "operator_data"):
        if assertion[data] is None:
            assertion[data] = {}
    return assertion
