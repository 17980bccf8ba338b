"""What a runner tells while a job runs."""

# Of an event: what names things, and what a mask would make unreadable.
STRUCTURE = {
    "execution_id",
    "flowName",
    "nodeId",
    "displayName",
    "nodeType",
    "timestamp",
    "duration",
    "success",
}
KNOWN = STRUCTURE | {"result", "error"}


def masked_payload(payload, masker):
    """Return an event's payload without secrets, in the names of other fields too."""
    return {
        name if name in KNOWN else masker.text(name): masked_field(name, value, masker)
        for name, value in payload.items()
    }


def masked_field(name, value, masker):
    """Return a field's value without secrets; a node's result keeps its structure."""
    if name in STRUCTURE and not isinstance(value, dict | list):
        return value
    if name == "result" and isinstance(value, dict):
        return masker.fields(value)
    return masker.value(value)
