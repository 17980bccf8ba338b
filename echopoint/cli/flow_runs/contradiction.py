"""A result that says completed although one of its nodes failed: such a run did not pass."""

from collections.abc import Iterable, Iterator
from typing import Any

from echopoint.cli.text import one_line


def failed_in(nodes: Iterable[dict], definition: Any) -> dict | None:
    """Return the first failed node that the flow does not tolerate, or None.

    A loop with `continue_on_error` tolerates the nodes inside of it, and nothing else.
    """
    failed = [node for node in nodes if node["status"] == "failed"]
    if failed and any(map(is_tolerant, nodes_in(definition))):
        own = [node.get("id") for node in listed(definition)]
        failed = [node for node in failed if is_own(node["node_id"], own)]
    return failed[0] if failed else None


def is_own(node_id: Any, own: list[Any]) -> bool:
    """Whether the flow itself has the node; one without an id is taken for such."""
    return not isinstance(node_id, str) or node_id in own


def is_tolerant(node: dict) -> bool:
    data = node.get("data")
    is_loop = node.get("type") == "loop" and isinstance(data, dict)
    return is_loop and data.get("continue_on_error") is True


def listed(definition: Any) -> list[dict]:
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    return [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []


def nodes_in(definition: Any) -> Iterator[dict]:
    """Yield the nodes of a flow, with those inside of its loops."""
    waiting = [definition]
    while waiting:
        for node in listed(waiting.pop()):
            yield node
            data = node.get("data")
            if isinstance(data, dict):
                waiting.append(data.get("body"))


def words_for(node: dict) -> str:
    """Return why a run did not pass that was said to have."""
    name = one_line(node["display_name"] or node["node_id"])
    why = node["error_message"]
    said = f": {one_line(why).rstrip('.')}." if why else "."
    return f'The runner reported success, but the node "{name}" failed{said}'


def corrected(document: dict, nodes: list[dict], definition: Any) -> dict:
    """Return a runner's result as failed, if it has a failed node."""
    if document["status"] != "completed" or not (node := failed_in(nodes, definition)):
        return document
    code = node.get("error_code")
    why = {
        "error_code": code if code and isinstance(code, str) else "NODE_FAILED",
        "error_message": words_for(node),
    }
    result = document["result"] | {"success": False} | why
    return document | {"status": "failed", "result": result} | why
