"""Fields of the result document that a runner writes."""

from typing import Any

SKIPPED = "NODE_SKIPPED"
# Fields of a node result that are looked up and never contain a value of a flow.
STRUCTURE = frozenset(
    {
        "node_id",
        "node_type",
        "error_code",
        "executed_at",
        "request_method",
        "response_status_code",
        "duration_ms",
        "index",
        "extractor",
        "operator",
    }
)
# All fields. Any other name may come from a flow or a service, and may be a secret.
FIELDS = STRUCTURE | {
    "execution_results",
    "final_outputs",
    "success",
    "passed",
    "error_message",
    "display_name",
    "inputs",
    "outputs",
    "skip_reason",
    "status",
    "started_at",
    "completed_at",
    "assertion_results",
    "expected",
    "actual",
    "error",
    "request_url",
    "request_headers",
    "request_body",
    "response_headers",
    "response_body",
    "response_body_parsed",
    "response_body_truncated",
    "response_set_cookies",
    "response_notes",
    "missing_inputs",
    "record_truncated",
}


def status_of(result: dict[str, Any]) -> str:
    """Return "completed", "failed" or "skipped"."""
    if result.get("error_code") == SKIPPED or result.get("skip_reason"):
        return "skipped"
    if result.get("error_code") or result.get("error_message"):
        return "failed"
    return "completed"
