"""`POST /runner/ephemeral/executions/{id}/complete`."""

import base64
import json
import uuid

import pytest

from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.executions.models import Execution, NodeResult
from echopoint.flows.models import Flow
from tests.executions.responses import error_of
from tests.executions.runner_client import completion


def record(**changes):
    """Return a result whose one node has these changes."""
    passed = completion()["result"]["execution_results"]["pay"]
    return {"execution_results": {"pay": passed | changes}}


def test_a_published_run_has_ended(launch, publish):
    execution = launch()

    response = publish(execution)

    assert response.status_code == 200
    told = response.json()["execution"]
    key = Execution.objects.get().completed_by_key
    changed = {
        "status": "completed",
        "completed_at": "2026-01-05T10:00:01Z",
        "execution_started_at": "2026-01-05T10:00:00Z",
        "completed_by_key_id": key.rest_id,
        "updated_at": told["updated_at"],
    }
    assert told == execution | changed
    (node,) = response.json()["nodes"]
    assert node == {
        "id": node["id"],
        "flow_id": execution["flow_id"],
        "execution_id": execution["id"],
        "node_id": "pay",
        "display_name": "Pay",
        "node_type": "request",
        "result": completion()["result"]["execution_results"]["pay"],
        "status": "completed",
        "started_at": "2026-01-05T10:00:00.130000Z",
        "completed_at": "2026-01-05T10:00:00.250000Z",
        "error_message": None,
        "error_code": None,
        "skip_reason": None,
        "missing_inputs": None,
        "has_errors": False,
        "duration_ms": 120,
        "created_at": node["created_at"],
        "updated_at": node["updated_at"],
    }


@pytest.mark.parametrize(
    ("changes", "status", "has_errors"),
    [
        ({}, "completed", False),
        ({"error_code": "ASSERTION_FAILED", "error_message": "No."}, "failed", True),
        ({"error_message": "No."}, "failed", True),
        (
            {"error_code": "NODE_SKIPPED", "skip_reason": "login failed"},
            "skipped",
            None,
        ),
    ],
)
def test_the_status_of_a_node_follows_from_its_result(
    launch, publish, changes, status, has_errors
):
    (node,) = publish(launch(), result=record(**changes)).json()["nodes"]

    assert (node["status"], node["has_errors"]) == (status, has_errors)
    assert node["error_code"] == changes.get("error_code")
    assert node["skip_reason"] == changes.get("skip_reason")


def test_missing_fields_of_a_node_result_come_from_the_flow(launch, publish):
    result = {"execution_results": {"pay": {"executed_at": "soon", "duration_ms": 1.5}}}

    (node,) = publish(launch(), result=result).json()["nodes"]

    assert (node["display_name"], node["node_type"]) == ("Pay", "request")
    assert (node["started_at"], node["duration_ms"]) == (None, None)


def test_a_repeated_completion_changes_nothing(launch, publish):
    execution = launch()
    first = publish(execution)

    second = publish(execution)

    assert second.status_code == 200
    assert second.json() == first.json()
    assert NodeResult.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed"},
        {"duration_ms": 1001},
        {"result": None},
        {"result": record(outputs={"status": 201})},
        {"error_message": "late"},
        {"completed_at": "2026-01-05T10:00:02Z"},
    ],
)
def test_a_different_result_is_a_conflict(launch, publish, change):
    execution = launch()
    first = publish(execution)

    response = publish(execution, **change)

    error = error_of(response, 409)
    assert error["code"] == "CONFLICT"
    assert error["metadata"] == {"status": "completed"}
    assert publish(execution).json() == first.json()


def test_equal_times_in_different_zones_are_the_same_completion(launch, publish):
    execution = launch()
    publish(execution)

    again = publish(execution, started_at="2026-01-05T12:00:00+02:00")

    assert again.status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "cancelled"}, "status"),
        ({"status": None}, "status"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": "5"}, "duration_ms"),
        ({"duration_ms": 10**30}, "duration_ms"),
        ({"result": []}, "result"),
        ({"result": {"execution_results": []}}, "result.execution_results"),
        ({"error_message": 5}, "error_message"),
    ],
)
def test_an_invalid_completion_is_refused_by_field(launch, publish, changes, field):
    execution = launch()

    response = publish(execution, **changes)

    assert error_of(response, 400)["field"] == field
    assert not Execution.objects.get().has_ended


@pytest.mark.parametrize(
    "missing", ["status", "started_at", "completed_at", "duration_ms"]
)
def test_the_error_of_a_missing_field_names_it(launch, ci, missing):
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"
    body = completion()
    del body[missing]

    assert error_of(ci.post(path, body), 400)["field"] == missing


def test_only_the_times_and_the_status_are_required(launch, ci):
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"
    body = completion(status="failed")
    del body["result"]

    response = ci.post(path, body)

    assert response.json()["execution"]["status"] == "failed"
    assert response.json()["nodes"] == []


def test_a_result_may_be_larger_than_other_bodies_and_has_a_limit(
    launch, publish, settings
):
    settings.API_RESULT_MAX_SIZE = 3 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    settings.API_RESULT_READ_SIZE = 4 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    execution = launch()
    body = "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    too_large = publish(execution, result=record(outputs={"body": body * 4}))
    large = publish(execution, result=record(outputs={"body": body * 2}))

    assert error_of(too_large, 413)["code"] == "PAYLOAD_TOO_LARGE"
    assert str(settings.API_RESULT_READ_SIZE) in error_of(too_large, 413)["message"]
    assert large.status_code == 200
    assert large.json()["nodes"][0]["result"]["outputs"] == {"body": body * 2}


def test_a_result_that_is_too_large_to_store_is_truncated(launch, publish, settings):
    settings.API_RESULT_MAX_SIZE = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    execution = launch()
    body = "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    response = publish(execution, result=record(outputs={"a": 1, "body": body}))
    again = publish(execution, result=record(outputs={"a": 1, "body": body}))

    kept = completion()["result"]["execution_results"]["pay"]
    cut = {"truncated": True, "truncated_fields": ["outputs.body"]}
    assert response.json()["nodes"][0]["result"] == kept | cut | {"outputs": {"a": 1}}
    assert Execution.objects.get().result["truncated"] is True
    assert again.status_code == 200


def test_text_that_no_column_holds_does_not_lose_the_result(launch, ci):
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"
    told = completion(result=record(outputs={"a\x00": ["b\x00", "\ud800"]}))

    response = ci.post(path, json.dumps(told).encode())

    assert response.status_code == 200
    (node,) = response.json()["nodes"]
    assert node["result"]["outputs"] == {"a\ufffd": ["b\ufffd", "\ufffd"]}


@pytest.mark.parametrize("depth", [60, 2000])
def test_a_result_that_is_too_deep_is_truncated(launch, ci, depth):
    text = json.dumps(completion(result=record(outputs={"a": "DEEP", "b": 2})))
    deep = '{"c":' * depth + "1" + "}" * depth
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    response = ci.post(path, text.replace('"DEEP"', deep).encode())

    (node,) = response.json()["nodes"]
    assert node["result"]["truncated"] is True
    assert node["result"]["truncated_fields"][0].startswith("outputs.a.c.c.c")
    assert node["result"]["outputs"]["b"] == 2
    assert node["result"]["outputs"]["a"]["c"]["c"]["c"]


def test_a_number_that_no_column_holds_is_left_out(launch, ci):
    text = json.dumps(completion(result=record(outputs={"a": 1, "b": 2})))
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    response = ci.post(path, text.replace('"a": 1', '"a": 1e999').encode())

    (node,) = response.json()["nodes"]
    assert node["result"]["outputs"] == {"b": 2}
    assert node["result"]["truncated_fields"] == ["outputs.a"]


def test_a_path_does_not_end_in_half_a_secret(launch, ci, variables):
    variables("/organization/variables", SECRET_A="canary-0123456789")
    text = json.dumps(completion(result=record(outputs={"a": "DEEP"})))
    deep = '{"' + "x" * 80 + '":{"canary-0123456789":' + "[" * 70 + "]" * 70 + "}}"
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    response = ci.post(path, text.replace('"DEEP"', deep).encode())

    (node,) = response.json()["nodes"]
    assert node["result"]["truncated_fields"] == [f"outputs.a.{'x' * 80}…"]
    assert "canary" not in str(Execution.objects.values().get())


def test_a_duplicate_json_name_does_not_lose_the_result(launch, ci):
    text = json.dumps(completion(result=record(outputs={"a": "TWICE"})))
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    response = ci.post(path, text.replace('"TWICE"', '{"b": 1, "b": 2}').encode())

    assert response.json()["nodes"][0]["result"]["outputs"] == {"a": {"b": 2}}


def test_an_invalid_error_code_is_masked_as_text(launch, publish, variables):
    variables("/organization/variables", SECRET_A="canary-7")
    told = record(error_code="it was canary-7")

    response = publish(
        launch(), status="failed", result=told, error_code="canary-7 again"
    )

    assert response.json()["execution"]["error_code"] == "*** again"
    assert response.json()["nodes"][0]["error_code"] == "it was ***"
    assert "canary" not in str(Execution.objects.values().get())


def test_the_first_of_too_many_nodes_are_stored(launch, publish):
    records = {f"n{n}": {"node_id": f"n{n}"} for n in range(1002)}
    records |= {"a": "no record", "i" * 256: {}}

    response = publish(launch(), result={"execution_results": records})

    assert len(response.json()["nodes"]) == 1000
    result = Execution.objects.get().result
    assert result["truncated"] is True
    left = ["n1000", "n1001", "a", "…"]
    assert result["truncated_fields"] == [f"execution_results.{id}" for id in left]


def test_a_long_message_and_a_long_code_are_cut_without_a_secret(
    launch, publish, variables
):
    variables("/organization/variables", SECRET_A="canary")
    execution = launch()
    long = "x" * 99_995 + "canary" * 2

    response = publish(
        execution, status="failed", error_message=long, error_code="c" * 98 + "canary"
    )

    ended = response.json()["execution"]
    assert ended["error_message"] == "x" * 99_995 + "****" + "…"
    assert ended["error_code"] == "c" * 98 + "*…"


@pytest.mark.parametrize("id", [uuid.uuid4(), "no-uuid"])
def test_an_execution_that_is_not_there_is_not_found(publish, db, id):
    assert error_of(publish({"id": id}), 404)["code"] == "NOT_FOUND"


def test_a_self_hosted_execution_is_not_completed_here(launch, publish):
    execution = launch(runner_type="self_hosted")

    assert publish(execution).status_code == 404
    assert not Execution.objects.get().has_ended


def test_another_tenants_execution_is_not_found(launch, publish, api, globex):
    execution = launch()
    foreign = api("runner:complete", organization=globex)

    assert publish(execution, client=foreign).status_code == 404
    assert publish(execution, client=api("runner:complete")).status_code == 200


def test_a_person_publishes_with_the_permission_to_execute(launch, publish, api, bob):
    execution = launch()

    response = publish(execution, client=api(user=bob))

    assert response.status_code == 200
    row = Execution.objects.get()
    assert (row.completed_by_key, row.completed_by_label) == (None, str(bob))


def test_a_key_that_may_only_execute_does_not_publish(launch, publish, api):
    response = publish(launch(), client=api("flows:execute"))

    error = error_of(response, 403)
    assert error["metadata"]["missing_scopes"] == ["runner:complete"]


def test_a_key_that_was_revoked_in_between_is_refused_and_the_execution_stays(
    launch, publish, api, flow
):
    execution = launch()
    key = Execution.objects.get().launched_by_key
    key.revoke(by=Actor.command("test"))

    response = publish(execution)

    assert error_of(response, 401)["code"] == "API_KEY_REVOKED"
    reader = api("flows:read")
    path = f"/flows/{flow.pk}/executions/{execution['id']}"
    assert reader.get(path).json()["status"] == "running"


def test_the_flow_shows_how_its_last_execution_went(launch, publish, api, flow):
    reader = api("flows:read")
    was = Flow.objects.get().updated_at

    def shown():
        return reader.post("/flows/search", {}).json()["items"][0]["last_run_status"]

    seen = [shown()]
    for status in ("completed", "failed"):
        publish(launch(), status=status)
        seen.append(shown())

    assert seen == ["none", "passed", "failed"]
    assert Flow.objects.get().updated_at == was


def test_the_publishing_key_is_stored(launch, publish, issue):
    publish(launch())

    key = ApiKey.objects.get(pk=Execution.objects.get().completed_by_key_id)
    other, _ = issue()
    assert Execution.objects.last_published_with(key) == Execution.objects.get()
    assert Execution.objects.last_published_with(other) is None


SECRET = 'can"ary /ü'


def test_a_secret_is_in_no_row_and_no_response(launch, publish, variables):
    variables("/organization/variables", SECRET_A=SECRET, SECRET_PIN="4711")
    execution = launch()
    body = base64.b64encode(json.dumps({"echo": SECRET}).encode()).decode()
    told = record(
        display_name=f"Pay {SECRET}",
        inputs={"SECRET_A": SECRET},
        outputs={"token": SECRET, "pin": 4711},
        request_url="https://x.example/can%22ary%20%2F%C3%BC?q=can%22ary+%2F%C3%BC",
        request_headers={"X-Token": SECRET},
        response_body=body,
        response_body_parsed={"echo": SECRET, SECRET: [SECRET]},
        error_message=f"expected {SECRET}",
        assertion_results=[
            {"index": 0, "extractor": "body", "operator": "equals", "passed": False,
             "expected": SECRET, "actual": {"a": SECRET}},
        ],
    )  # fmt: skip
    told |= {"final_outputs": {"pay.token": SECRET}, "error_message": SECRET}

    response = publish(
        execution, status="failed", result=told, error_message=f"It was {SECRET}."
    )

    assert response.status_code == 200
    texts = [
        response.text,
        str(Execution.objects.values()),
        str(NodeResult.objects.values()),
    ]
    traces = [SECRET, json.dumps(SECRET)[1:-1], "can%22ary", "4711", body]
    assert [(t, trace) for t in texts for trace in traces if trace in t] == []
    node = response.json()["nodes"][0]["result"]
    assert node["assertion_results"][0]["expected"] == "***"
    assert node["assertion_results"][0]["index"] == 0
    assert node["outputs"] == {"token": "***", "pin": "***"}
    assert json.loads(base64.b64decode(node["response_body"])) == {"echo": "***"}


@pytest.mark.parametrize(
    "told",
    [
        {"executed_at": "0001-01-01T00:00:00+14:00"},
        {"executed_at": "9999-12-31T23:59:59-14:00"},
        {"executed_at": "0001-01-01T00:00:01Z", "duration_ms": 10**12},
    ],
)
def test_a_node_time_out_of_range_is_no_server_error(launch, publish, told):
    response = publish(launch(), result=record(**told))

    assert response.status_code == 200
    assert response.json()["nodes"][0]["started_at"] is None


def test_nodes_are_in_the_order_in_which_they_started(launch, publish):
    def at(seconds, **more):
        return {"executed_at": f"2026-01-05T10:00:{seconds:02d}Z"} | more

    records = {
        "a": at(9, duration_ms=1000),
        "b": at(9, delay_ms=7000),
        "c": at(9, duration_ms=1, started_at="2026-01-05T10:00:01Z"),
        "unknown": {},
        "d": at(3, duration_ms=0),
    }

    nodes = publish(launch(), result={"execution_results": records}).json()["nodes"]

    assert [node["node_id"] for node in nodes] == ["c", "b", "d", "a", "unknown"]
    assert (nodes[1]["duration_ms"], nodes[1]["started_at"]) == (
        7000,
        "2026-01-05T10:00:02Z",
    )


@pytest.mark.parametrize("field", ["node_type", "error_code", "display_name"])
def test_a_secret_in_an_object_in_place_of_a_text_is_not_stored(
    launch, publish, variables, field
):
    variables("/organization/variables", SECRET="canary-7f3a")

    answer = publish(launch(), result=record(**{field: {"said": "canary-7f3a"}}))

    (node,) = answer.json()["nodes"]
    assert "canary" not in str(node)
    assert "***" in node[field]
