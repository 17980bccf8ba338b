"""Detects results that report success although a node failed."""

from collections.abc import Iterable, Iterator
from typing import Any

from echopoint.cli.printable_text import one_line


def first_failed_node(
    nodes: Iterable[dict[str, Any]], definition: Any
) -> dict[str, Any] | None:
    """Return the first failed node that the flow does not tolerate, or None.

    A loop with `continue_on_error` tolerates failures of the nodes inside it only.
    """
    failed = [node for node in nodes if node["status"] == "failed"]
    if failed and any(map(is_tolerant, nodes_at_all_levels(definition))):
        own = [node.get("id") for node in nodes_of(definition)]
        failed = [node for node in failed if is_own(node["node_id"], own)]
    return failed[0] if failed else None


def is_own(node_id: Any, own: list[Any]) -> bool:
    """Return whether the node is outside all loops; a node without an id counts as such."""
    return not isinstance(node_id, str) or node_id in own


def is_tolerant(node: dict[str, Any]) -> bool:
    data = node.get("data")
    return (
        node.get("type") == "loop"
        and isinstance(data, dict)
        and data.get("continue_on_error") is True
    )


def nodes_of(definition: Any) -> list[dict[str, Any]]:
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    return [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []


def nodes_at_all_levels(definition: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a flow and of its loops."""
    pending = [definition]
    while pending:
        for node in nodes_of(pending.pop()):
            yield node
            data = node.get("data")
            if isinstance(data, dict):
                pending.append(data.get("body"))


def contradiction_message(node: dict[str, Any]) -> str:
    name = one_line(node["display_name"] or node["node_id"])
    why = node["error_message"]
    reason = f": {one_line(why).rstrip('.')}." if why else "."
    return f'The runner reported success, but the node "{name}" failed{reason}'


def without_contradiction(
    document: dict[str, Any], nodes: list[dict[str, Any]], definition: Any
) -> dict[str, Any]:
    """Return a runner's result, changed to failed if it has a failed node."""
    if document["status"] != "completed":
        return document
    if not (node := first_failed_node(nodes, definition)):
        return document
    code = node.get("error_code")
    why = {
        "error_code": code if code and isinstance(code, str) else "NODE_FAILED",
        "error_message": contradiction_message(node),
    }
    result = document["result"] | {"success": False} | why
    return document | {"status": "failed", "result": result} | why
