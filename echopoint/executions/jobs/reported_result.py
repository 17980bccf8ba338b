"""The result of a job, made from its events where its completion has none.

The public runner reports the nodes of a flow that failed in events only.
"""

from django.conf import settings

from echopoint.api.quotas import byte_size
from echopoint.executions.completion import outcomes
from echopoint.flow_language.events import NODE_COMPLETED, NODE_FAILED

ENDS = (NODE_COMPLETED, NODE_FAILED)
MOST_NODES = 1000
LONGEST_ID = 255
UNNAMED = "NODE_FAILED"  # the code of a failure that the runner gave none


def with_events(completion, events):
    """Return the completion with what the events say of the nodes, if it has no result.

    `events` is a queryset in the order of the runner. A node that is reported twice counts
    as it was reported last. The digest stays that of what the runner sent.
    """
    if completion.result is not None:
        return completion
    records = records_of(events.filter(type__in=ENDS))
    if not records:
        return completion
    failed = next((r for r in records.values() if text_or(r.get("error_code"), "")), {})
    message = f"{failed.get('display_name')}: {failed.get('error_message')}"
    result = {
        "execution_results": records,
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


def records_of(events):
    """Return a record for each node, {node id: record}; large ones are cut."""
    records, room = {}, settings.API_RESULT_MAX_SIZE
    for event in events.iterator(100):
        id = event.payload.get("nodeId")
        if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
            continue
        record = record_of(event)
        room -= byte_size(record)
        if room < 0:
            kept = ("node_id", "display_name", "executed_at", "duration_ms")
            ended = ("error_code", "error_message")
            record = {n: record[n] for n in (*kept, *ended) if n in record}
            record["truncated"] = True
        records.pop(id, None)
        records[id] = record
        if len(records) == MOST_NODES:
            break
    return records


def record_of(event):
    """Return what an event says of its node, in the fields of a result."""
    payload = event.payload
    given = payload.get("result")
    record = dict(given) if isinstance(given, dict) else {}
    known = {
        "node_id": payload["nodeId"],
        "display_name": payload.get("displayName"),
        "executed_at": payload.get("timestamp"),
        "duration_ms": payload.get("duration"),
    }
    record = {n: value for n, value in known.items() if value is not None} | record
    if event.type == NODE_FAILED:
        code, message = error_of(payload.get("error"))
        record["error_code"] = text_or(record.get("error_code"), code)
        record["error_message"] = text_or(record.get("error_message"), message)
    return record


def text_or(value, other):
    """Return a text that is there and not empty, or the other one."""
    return value if isinstance(value, str) and value else other


def error_of(error):
    """Return the code and the text of an event's error, an object or a text."""
    if isinstance(error, dict):
        code = error.get("code") or error.get("error_code")
        text = error.get("message") or error.get("error_message")
        return str(code or UNNAMED), str(text or "The node failed.")
    return UNNAMED, str(error or "The node failed.")
