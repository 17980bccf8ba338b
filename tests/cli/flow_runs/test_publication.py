"""`flows run` when the API fails, is slow, is not there, or says no."""

import json
import socket

import pytest

from tests.cli.fake_api import ROUTES

PASSES = 'result("completed", [node("login")])'


@pytest.fixture
def run_one(echopoint, api, runner):
    """Return a run of one flow that passes, as JSON."""
    flow = api.add_flow()

    def run_one(*arguments, lines=PASSES):
        program = ["--runner-binary", runner(lines), "-o", "json"]
        return echopoint("flows", "run", flow, *program, *arguments)

    return run_one


@pytest.mark.parametrize(
    "fault",
    [(500, {"errors": []}), (502, "<html>Bad gateway</html>"), "close", "lost"],
    ids=["500", "a proxy's page", "no answer", "lost answer"],
)
def test_publishing_is_tried_three_times_and_is_one_result(run_one, api, fault):
    api.fail("/complete$", fault, times=2)

    ended = run_one()

    (execution,) = api.executions.values()
    assert ended.code == 0
    assert execution["status"] == "completed"
    bodies = [json.dumps(r["body"]) for r in api.requests_to("/complete$")]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert ended.err.count("Trying again") == 2


def test_after_three_failures_the_result_is_shown_and_said_to_be_unpublished(
    run_one, api
):
    api.fail("/complete$", (503, "<html>Down</html>"), times=3)

    ended = run_one()

    assert ended.code == 3
    assert ended.json["status"] == "error"
    assert ended.json["success"] is False
    assert "The result was not published" in ended.json["error_message"]
    assert "HTTP 503" in ended.json["error_message"]
    assert ended.json["nodes"][0]["status"] == "completed"
    assert len(api.requests_to("/complete$")) == 3


def test_pauses_are_2_and_4_seconds(run_one, api, monkeypatch):
    monkeypatch.delenv("ECHOPOINT_RETRY_PAUSE")
    api.fail("/complete$", (500, {"errors": []}), times=2)
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    monkeypatch.setattr("echopoint.cli.api_client.asyncio.sleep", sleep)

    ended = run_one()

    assert pauses == [2, 4]
    assert "Trying again in 2 s" in ended.err
    assert "Trying again in 4 s" in ended.err


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429])
def test_a_refusal_is_not_tried_again(run_one, api, status):
    error = {"code": "SOME_CODE", "message": "This is why."}
    api.fail("/complete$", (status, {"errors": [error]}))

    ended = run_one()

    assert ended.code == 3
    assert f"This is why. [HTTP {status} SOME_CODE]" in ended.json["error_message"]
    assert "request-1" in ended.json["error_message"]
    assert len(api.requests_to("/complete$")) == 1


def test_a_key_revoked_meanwhile_is_named_as_the_reason(run_one, api):
    error = {"code": "API_KEY_REVOKED", "message": "This API key was revoked."}
    api.fail("/complete$", (401, {"errors": [error]}))

    ended = run_one()

    assert ended.code == 3
    assert "The API key is no longer accepted" in ended.json["error_message"]
    assert "This API key was revoked." in ended.json["error_message"]


def test_a_launch_whose_answer_was_lost_is_one_execution(run_one, api):
    api.fail("/launch$", "lost", times=2)

    ended = run_one()

    assert ended.code == 0
    assert len(api.requests_to("/launch$")) == 3
    assert len(api.executions) == 1


def test_a_launch_that_is_refused_is_not_tried_again(run_one, api):
    error = {"code": "CONFLICT", "message": "The key was used otherwise."}
    api.fail("/launch$", (409, {"errors": [error]}))

    ended = run_one()

    assert ended.code == 3
    assert "The key was used otherwise." in ended.json["error_message"]
    assert len(api.requests_to("/launch$")) == 1


def test_of_two_that_run_the_same_execution_both_report_the_first_result(
    run_one, api, echopoint, runner
):
    # While the second runs, the first publishes.
    racing = f"""
import urllib.request
body = dict(status="failed", started_at="2030-01-01T00:00:00Z", completed_at="2030-01-01T00:00:02Z",
    duration_ms=2000, error_message="First.", error_code="X", result=dict(execution_results=dict(
    login=node("login", error_code="X", error_message="First."))))
path = "/runner/ephemeral/executions/" + package["execution_id"] + "/complete"
urllib.request.urlopen(urllib.request.Request("{api.url}" + path, json.dumps(body).encode(), method="POST"))
result("completed", [node("login")])
"""
    ended = run_one(lines=racing)

    (execution,) = api.executions.values()
    assert execution["error_message"] == "First."
    assert (ended.code, ended.json["status"]) == (1, "failed")
    assert ended.json["execution_id"] == execution["id"]
    assert ended.json["error_message"] == "First."
    assert ended.json["nodes"][0]["status"] == "failed"
    assert "another process published" in ended.err


def test_a_run_that_failed_here_never_passes_by_the_pass_of_another(
    run_one, api, echopoint, runner
):
    racing = f"""
import urllib.request
body = dict(status="completed", started_at="2030-01-01T00:00:00Z", completed_at="2030-01-01T00:00:02Z",
    duration_ms=2000, error_message=None, error_code=None, result=dict(execution_results=dict(
    login=node("login"))))
path = "/runner/ephemeral/executions/" + package["execution_id"] + "/complete"
urllib.request.urlopen(urllib.request.Request("{api.url}" + path, json.dumps(body).encode(), method="POST"))
result("failed", [node("login", error_code="X", error_message="Here.")], error_message="Here.")
"""
    ended = run_one(lines=racing)

    (execution,) = api.executions.values()
    assert execution["status"] == "completed"
    assert (ended.code, ended.json["status"]) == (1, "failed")
    assert not ended.json["success"]
    assert "It failed here: Here." in ended.json["error_message"]
    assert "another process published" in ended.json["error_message"]
    assert "✗ failed" in ended.err


@pytest.mark.parametrize(
    ("status", "code", "said", "exit_code"),
    [
        ("cancelled", "CANCELLED", "was cancelled during the run", 2),
        ("failed", "EXECUTION_ABANDONED", "was past its deadline", 3),
    ],
)
def test_an_execution_that_was_ended_meanwhile_is_no_replay(
    run_one, api, monkeypatch, status, code, said, exit_code
):
    route = "POST /runner/ephemeral/executions/([^/]+)/complete"
    complete = ROUTES[route]

    def end_first(api, id, **sent):
        ended = {"status": status, "error_code": code, "error_message": "Ended."}
        api.executions[id] |= ended
        api.completions[id] = "another"
        return complete(api, id, **sent)

    monkeypatch.setitem(ROUTES, route, end_first)
    ended = run_one()

    assert ended.code == exit_code
    assert ended.json["replayed"] is False
    assert said in ended.err
    assert "another process" not in ended.err


def test_a_conflict_that_cannot_be_explained_is_an_error(run_one, api):
    error = {"code": "CONFLICT", "message": "Not now."}
    api.fail("/complete$", (409, {"errors": [error]}))

    ended = run_one()

    assert ended.code == 3
    assert "Not now." in ended.json["error_message"]


def test_an_api_that_is_silent_is_given_up(run_one, api, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_REQUEST_TIMEOUT", "0.1")
    api.fail("/launch$", 1.5, times=3)

    ended = run_one()

    assert ended.code == 3
    assert "did not answer within 0.1 s" in ended.json["error_message"]


def test_an_api_that_is_not_there_is_named(echopoint, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("ECHOPOINT_API_URL", f"http://127.0.0.1:{port}")

    ended = echopoint("flows", "list", "-o", "json")

    assert ended.code == 3
    assert f"127.0.0.1:{port} cannot be reached" in ended.json["error_message"]
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "<html>Welcome</html>"), "came without JSON"),
        ((200, "[1, 2"), "came without JSON"),
        ((200, "[" * 100_000), "came without JSON"),
        ((200, {"things": []}), "not a list"),
        ((200, {"items": [1]}), "not a list"),
        ((200, []), "not a list"),
        ((404, "<html>No</html>"), "HTTP 404"),
        ((400, {"errors": "no"}), "HTTP 400"),
        ((400, {"errors": [{"code": 5}]}), "HTTP 400"),
        (
            (302, "", {"Location": "https://sso.example/?token=x"}),
            "https://sso.example.",
        ),
    ],
)
def test_an_answer_that_is_not_the_apis_is_told_as_such(echopoint, api, answer, said):
    api.fail("/flows$", answer)

    ended = echopoint("flows", "list", "-o", "json")

    assert ended.code == 3
    assert said in ended.json["error_message"]
    assert "token=x" not in ended.err + ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"execution": None},
        {"execution": {"id": "x", "status": "pending"}},
        {
            "execution": {
                "id": 5,
                "status": "pending",
                "flow_snapshot": {},
                "runner_inputs": {},
                "referenced_flows": {},
            }
        },
        {
            "execution": {
                "id": "../x\n",
                "status": "pending",
                "flow_snapshot": {},
                "runner_inputs": {},
                "referenced_flows": {},
            }
        },
        [],
        None,
    ],
)
def test_a_launch_that_brings_nothing_to_run_is_an_error(run_one, api, document):
    api.fail("/launch$", (202, document))

    ended = run_one()

    assert ended.code == 3
    assert "Check the API URL" in ended.json["error_message"]


def test_a_failed_launch_leaves_the_other_flows_alone(echopoint, api, runner):
    flows = [api.add_flow(name) for name in "ABC"]
    api.fail(f"{flows[1]}/launch$", (500, {"errors": []}), times=3)

    ended = echopoint(
        "flows", "run", *flows, "--runner-binary", runner(PASSES), "-o", "json"
    )

    assert [r["exit_code"] for r in ended.json["results"]] == [0, 3, 0]
    assert ended.code == 3
