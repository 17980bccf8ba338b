"""Build the result of a job from its events if its completion has none.

The public runner reports the nodes of a failed flow in events only.
"""

from django.conf import settings

from echopoint.api.quotas import byte_size
from echopoint.executions.completion import outcomes
from echopoint.flow_language.events import NODE_COMPLETED, NODE_FAILED

NODE_END_TYPES = (NODE_COMPLETED, NODE_FAILED)
MAX_NODES = 1000
MAX_NODE_ID_LENGTH = 255
DEFAULT_ERROR_CODE = "NODE_FAILED"


def with_events(completion, events):
    """Add the node results in `events` to a completion that has no result.

    `events` is a queryset ordered by sequence. If a node is reported twice, its last
    event counts. The digest stays that of the request: a retry sends the same body, and
    must be recognized although the stored result differs from it.
    """
    if completion.result is not None:
        return completion
    nodes = node_results(events.filter(type__in=NODE_END_TYPES))
    if not nodes:
        return completion
    failed = next((n for n in nodes.values() if text_or(n.get("error_code"), "")), {})
    message = f"{failed.get('display_name')}: {failed.get('error_message')}"
    result = {
        "execution_results": nodes,
        "final_outputs": {},
        "success": completion.status == "completed",
        "duration_ms": completion.duration_ms,
        "from_events": True,
    }
    return completion._replace(
        result=result,
        node_results=outcomes(result),
        error_code=completion.error_code or failed.get("error_code", ""),
        error_message=completion.error_message or (message if failed else ""),
    )


def node_results(events):
    """Return {node id: node result}.

    Events may be much larger together than a result may be. Once that size is reached,
    further nodes are stored without inputs and outputs, and marked as truncated.
    """
    nodes, room = {}, settings.API_RESULT_MAX_SIZE
    for event in events.iterator(100):
        id = event.payload.get("nodeId")
        if not isinstance(id, str) or not 0 < len(id) <= MAX_NODE_ID_LENGTH:
            continue
        node = node_result(event)
        room -= byte_size(node)
        if room < 0:
            identity = ("node_id", "display_name", "executed_at", "duration_ms")
            errors = ("error_code", "error_message")
            node = {n: node[n] for n in (*identity, *errors) if n in node}
            node["truncated"] = True
        # Removed first, so that the node moves to the position of its last event.
        nodes.pop(id, None)
        nodes[id] = node
        if len(nodes) == MAX_NODES:
            break
    return nodes


def node_result(event):
    """Return the event in the fields of a node result."""
    payload = event.payload
    sent = payload.get("result")
    sent = dict(sent) if isinstance(sent, dict) else {}
    known = {
        "node_id": payload["nodeId"],
        "display_name": payload.get("displayName"),
        "executed_at": payload.get("timestamp"),
        "duration_ms": payload.get("duration"),
    }
    node = {n: value for n, value in known.items() if value is not None} | sent
    if event.type == NODE_FAILED:
        code, message = event_error(payload.get("error"))
        node["error_code"] = text_or(node.get("error_code"), code)
        node["error_message"] = text_or(node.get("error_message"), message)
    return node


def text_or(value, default):
    """Return the value if it is a non-empty string, else the default."""
    return value if isinstance(value, str) and value else default


def event_error(error):
    """Return (code, message) of an event's `error`, which may be an object or a text."""
    if isinstance(error, dict):
        code = error.get("code") or error.get("error_code")
        text = error.get("message") or error.get("error_message")
        return str(code or DEFAULT_ERROR_CODE), str(text or "The node failed.")
    return DEFAULT_ERROR_CODE, str(error or "The node failed.")
