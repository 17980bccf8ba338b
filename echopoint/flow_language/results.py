"""What a runner records of a flow and its nodes, as the result document has it."""

SKIPPED = "NODE_SKIPPED"
# Of the record of a node: what others look up, and no runner writes a value of a flow in.
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
# The names of fields. A name that is not ours may be anything, a secret among it.
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
}


def status_of(record: dict) -> str:
    """Return whether a node was completed, failed or skipped."""
    if record.get("error_code") == SKIPPED or record.get("skip_reason"):
        return "skipped"
    if record.get("error_code") or record.get("error_message"):
        return "failed"
    return "completed"
