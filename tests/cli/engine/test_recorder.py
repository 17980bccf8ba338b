import base64
import json

import pytest

from echopoint.cli.engine.recorder import Recorder
from echopoint.flow_language.results import FIELDS
from echopoint.masking.mask import Mask
from tests.cli.engine.flows import (
    assertion,
    chain,
    flow,
    node,
    request,
    run,
    run_node,
    variables,
)

LIMIT = 8 * 1024 * 1024


def test_what_no_database_holds_is_replaced():
    recorder = Recorder(Mask())

    assert recorder.value({"a\x00": ["\ud800x"]}) == {"a\ufffd": ["\ufffdx"]}
    assert recorder.text("\x00") == "\ufffd"


def test_a_value_that_is_too_large_or_too_deep_is_recorded_as_its_first_text():
    recorder = Recorder(Mask())
    deep = "x"
    for _ in range(60):
        deep = [deep]

    assert recorder.value("x" * 70_000) == "x" * 65_536 + "… (4464 more characters)"
    assert recorder.value(["x" * 70_000]).startswith('["xxx')
    assert recorder.value(deep).startswith("[[[[")
    assert recorder.value(["x"] * 100) == ["x"] * 100


def test_of_a_long_body_the_beginning_is_recorded(service):
    one = request(
        "a",
        f"{service.url}/answer?type=application/json",
        method="POST",
        body=["y" * 300_000],
    )

    result = run_node(one)

    body = base64.b64decode(result["response_body"])
    assert len(body) == 256 * 1024
    assert body.startswith(b'["yyy')
    assert result["response_body_truncated"] is True
    assert "response_body_parsed" not in result


def test_every_recorded_field_is_in_the_table_of_fields(service):
    """The masks of the command and of the site leave only the names in the table."""
    noted = request(
        "noted",
        f"{service.url}/answer?type=text/plain%3Bcharset%3Dodd",
        method="POST",
        body="{{unknown}}",
        assertions=[assertion("equals", 200), assertion("equals", 1)],
    )
    long = request(
        "long", f"{service.url}/answer?type=application/json", method="POST",
        body="y" * 300_000,
    )  # fmt: skip

    cookie = request("cookie", f"{service.url}/headers?name=Set-Cookie&value=a%3D1")

    results = run(flow(noted, long, cookie, variables("skipped")))["result"][
        "execution_results"
    ]
    recorder = Recorder(Mask())
    recorder.left = 0
    results["small"] = recorder.fit(results["long"] | {"outputs": {"x": "y" * 9000}})

    recorded = {name for result in results.values() for name in result}
    assert recorded <= FIELDS
    assert recorded >= {
        "missing_inputs",
        "record_truncated",
        "response_body_truncated",
        "response_notes",
        "response_set_cookies",
    }


def test_a_short_body_is_recorded_whole(service):
    result = run_node(
        request("a", f"{service.url}/answer", method="POST", body="y" * 200_000)
    )

    assert base64.b64decode(result["response_body"]) == b"y" * 200_000
    assert "response_body_truncated" not in result


def test_an_output_that_is_recorded_by_its_beginning_is_read_whole(service):
    document = run(
        chain(
            variables("a", long="{{long}}" * 3),
            request("b", f"{service.url}/echo", method="POST", body="{{a.long}}"),
        ),
        inputs={"long": "z" * 60_000},
    )

    assert len(service.seen[0]["body"]) == 180_000
    assert document["result"]["final_outputs"]["a.long"].startswith("zzz")
    assert len(document["result"]["final_outputs"]["a.long"]) < 66_000


def test_the_document_of_many_long_bodies_stays_below_the_limit(service):
    calls = [
        request(f"n{number}", f"{service.url}/answer", method="POST", body="{{long}}")
        for number in range(60)
    ]
    for call in calls:
        call["outputs"] = [{"name": "all", "extractor": {"type": "body"}}]

    document = run(chain(*calls), inputs={"long": "é" * 120_000})

    assert document["status"] == "completed"
    assert len(json.dumps(document)) < LIMIT
    results = document["result"]["execution_results"]
    assert len(results["n0"]["response_body"]) > 300_000
    assert results["n59"]["response_body"] == ""
    assert results["n59"]["response_body_truncated"] is True
    assert results["n59"]["response_status_code"] == 200


@pytest.mark.slow
def test_the_document_of_a_great_many_outputs_stays_below_the_limit():
    nodes = [
        variables(f"v{number}", **{f"k{key}": "{{long}}" for key in range(40)})
        for number in range(250)
    ]

    document = run(flow(*nodes), inputs={"long": "x" * 5000})

    assert document["status"] == "completed"
    assert len(json.dumps(document)) < LIMIT
    results = document["result"]["execution_results"]
    assert len(results["v0"]["outputs"]["k0"]) == 5000
    assert "record_truncated" not in results["v0"]
    assert results["v249"]["record_truncated"] is True


@pytest.mark.slow
def test_the_document_of_short_outputs_without_number_stays_below_the_limit():
    nodes = [
        variables(f"v{number}", **{f"k{key}": "{{long}}" for key in range(3000)})
        for number in range(20)
    ]

    document = run(flow(*nodes), inputs={"long": "x" * 50})

    assert document["status"] == "completed"
    assert len(json.dumps(document)) < LIMIT
    last = document["result"]["execution_results"]["v19"]
    assert (last["outputs"], last["record_truncated"]) == ({}, True)


def test_the_document_of_a_great_many_assertions_stays_below_the_limit():
    check = {
        "extractor_type": "body",
        "extractor_data": {},
        "operator_type": "contains",
        "operator_data": {"value": "{{long}}"},
    }
    one = node("assert", "a", {"target": "{{long}}"}, assertions=[check] * 5000)

    document = run(flow(one), inputs={"long": "x" * 1000})

    assert document["status"] == "completed"
    assert len(json.dumps(document)) < LIMIT


def test_a_node_whose_templates_render_too_much_text_fails():
    one = variables("a", x=["{{long}}"] * 500)

    result = run_node(one, inputs={"long": "x" * 60_000})

    assert result["error_code"] == "FLOW_VALIDATION_FAILED"
    assert "more than 10 MiB" in result["error_message"]
