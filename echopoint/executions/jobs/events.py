"""Mask secrets in the events of a running job."""

# Event fields that are never masked: identifiers and structure.
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


def mask_payload(payload, masker):
    """Return the payload without secrets. Names of unknown fields are masked too."""
    return {
        name if name in KNOWN else masker.text(name): mask_field(name, value, masker)
        for name, value in payload.items()
    }


def mask_field(name, value, masker):
    # A field of `STRUCTURE` is stored unmasked only if its value is plain. A runner may
    # send an object in its place, which could contain anything.
    if name in STRUCTURE and not isinstance(value, dict | list):
        return value
    if name == "result" and isinstance(value, dict):
        return masker.record(value)
    return masker.value(value)
