"""Fields of the result document."""

import pytest

from echopoint.flow_language.results import FIELDS, STRUCTURE, status_of


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({}, "completed"),
        ({"error_code": None, "error_message": "", "skip_reason": ""}, "completed"),
        ({"error_code": "NODE_SKIPPED"}, "skipped"),
        ({"skip_reason": "why"}, "skipped"),
        ({"skip_reason": "why", "error_code": "X"}, "skipped"),
        ({"error_code": "X"}, "failed"),
        ({"error_message": "why"}, "failed"),
    ],
)
def test_status_of_a_node_result(record, status):
    assert status_of(record) == status


def test_unmasked_fields_never_contain_a_value_of_a_flow():
    assert sorted(STRUCTURE) == [
        "duration_ms",
        "error_code",
        "executed_at",
        "extractor",
        "index",
        "node_id",
        "node_type",
        "operator",
        "request_method",
        "response_status_code",
    ]


def test_the_fields_of_a_result_are_known_by_name():
    assert sorted(FIELDS - STRUCTURE) == [
        "actual",
        "assertion_results",
        "completed_at",
        "display_name",
        "error",
        "error_message",
        "execution_results",
        "expected",
        "final_outputs",
        "inputs",
        "missing_inputs",
        "outputs",
        "passed",
        "record_truncated",
        "request_body",
        "request_headers",
        "request_url",
        "response_body",
        "response_body_parsed",
        "response_body_truncated",
        "response_headers",
        "response_notes",
        "response_set_cookies",
        "skip_reason",
        "started_at",
        "status",
        "success",
    ]
