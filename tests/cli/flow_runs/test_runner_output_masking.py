"""A secret of a flow is in nothing that the command says or sends."""

import json

import pytest

from tests.cli.secret_values import MARKER, ODD_SECRET, PLAIN_SECRET, has_secret

ECHOES = """
token, other = package["inputs"]["token"], package["inputs"]["other"]
import base64, urllib.parse
every = [token, urllib.parse.quote(token, safe=""), urllib.parse.quote_plus(token), json.dumps(token),
         base64.b64encode(f"user:{token}".encode()).decode(), other,
         base64.b64encode(f"x{other}y".encode()).decode()]
for one in every: print("runner has", one, file=sys.stderr)
echo = node("login", display_name="Login " + token, inputs={"token": token, other: 1},
    request_url="http://x/?t=" + urllib.parse.quote(token), request_headers={"Authorization": "Bearer " + token,
    "Basic": "Basic " + base64.b64encode(f"user:{token}".encode()).decode(), other: "x"},
    response_body=base64.b64encode(json.dumps({"saw": every, token: other}).encode()).decode(),
    response_body_parsed={"saw": every, token: {other: [token]}}, request_body=every, outputs={"t": token},
    error_code="ASSERTION_FAILED", error_message="Not " + token,
    assertion_results=[{"index": 0, "extractor": "body", "operator": "equals", "expected": token,
                        "actual": every, "passed": False, "error": other}])
result("failed", [echo], error_code="ASSERTION_FAILED", error_message="Login: not " + token)
"""


@pytest.fixture
def secret_flow(api):
    api.inputs = {"token": ODD_SECRET, "other": PLAIN_SECRET, "base": "plain-input"}
    api.secret_keys = ["token", "other"]
    return api.add_flow()


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_runner_that_tells_all_tells_no_secret_through_us(
    echopoint, api, runner, secret_flow, form
):
    ended = echopoint(
        *("flows", "run", secret_flow, "--runner-binary", runner(ECHOES)),
        *("--verbose", "--debug", "-o", form),
    )

    sent = [json.dumps(r["body"]) for r in api.requests_to("/complete$")]
    assert ended.code == 1
    assert "runner: runner has" in ended.err
    assert "***" in ended.err
    assert "***" in ended.out
    assert "***" in sent[0]
    assert MARKER in json.dumps(
        api.executions[next(iter(api.executions))]["runner_inputs"]
    )
    assert not has_secret(ended.err)
    assert not has_secret(ended.out)
    assert not has_secret(sent[0])


def test_what_is_no_secret_is_left_as_it_is(echopoint, api, runner, secret_flow):
    lines = "result(nodes=[node('plain-input', outputs={'a': package['inputs']['base'], 'n': 5, 'b': True, 'z': None})])"

    echopoint("flows", "run", secret_flow, "--runner-binary", runner(lines))

    (sent,) = api.requests_to("/complete$")
    (node,) = sent["body"]["result"]["execution_results"].values()
    assert node["outputs"] == {"a": "plain-input", "n": 5, "b": True, "z": None}


def test_a_secret_of_several_lines_is_hidden_line_by_line(echopoint, api, runner):
    api.inputs = {
        "pem": "-----BEGIN-----\nSECRETMARKlineone\nSECRETMARKlinetwo\n-----END-----\n"
    }
    api.secret_keys = ["pem"]
    lines = ["print(package['inputs']['pem'], file=sys.stderr)", "result()"]

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(*lines))

    assert ended.code == 0
    assert ended.err.count("runner: ***") >= 2
    assert MARKER not in ended.err


def test_what_a_referenced_flow_is_given_is_hidden_unless_it_is_public(
    echopoint, api, runner
):
    api.inputs = {"base": "http://shop.example"}
    overrides = {"token": PLAIN_SECRET, "base": "http://shop.example", "n": "3"}
    api.referenced_flows = {"f": {"flow_definition": {}, "input_overrides": overrides}}
    lines = [
        "given = package['referenced_flows']['f']['input_overrides']",
        "print(*given.values(), file=sys.stderr)",
        "result()",
    ]

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(*lines))

    assert ended.code == 0
    assert "runner: *** http://shop.example 3" in ended.err


def test_of_a_referenced_flow_what_is_said_to_be_secret_is_hidden(
    echopoint, api, runner
):
    called = {
        "flow_definition": {},
        "input_overrides": {"pin": "4711", "user": "SECRETMARK-is-no-secret"},
        "secret_input_keys": ["pin"],
    }
    api.referenced_flows = {"f": called}
    lines = [
        "given = package['referenced_flows']['f']['input_overrides']",
        "print(*given.values(), file=sys.stderr)",
        "result()",
    ]

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(*lines))

    assert ended.code == 0
    assert "runner: *** SECRETMARK-is-no-secret" in ended.err


def test_a_secret_that_is_a_number_is_hidden_and_times_are_not(echopoint, api, runner):
    api.inputs, api.secret_keys = {"pin": 1500}, ["pin"]
    lines = "result(nodes=[node('a', outputs={'pin': 1500, 'text': 'pin 1500'})])"

    ended = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", runner(lines), "-o", "json"
    )

    (sent,) = api.requests_to("/complete$")
    (node,) = sent["body"]["result"]["execution_results"].values()
    assert node["outputs"] == {"pin": "***", "text": "pin ***"}
    assert ended.json["duration_ms"] == 1500


def test_the_command_itself_holds_no_secret_in_a_repr(api):
    from echopoint.cli.flow_runs.launch import LaunchedExecution
    from echopoint.cli.settings import Settings

    launched = LaunchedExecution("flow", {"runner_inputs": {"token": PLAIN_SECRET}})

    assert MARKER not in repr(launched)
    assert "hidden" not in repr(Settings(api_key="hidden-key-0123456789"))


# Places where a runner can put a secret beside or inside of fields that are not masked.
UNMASKED_NAMES = {
    "an object in a field that is not masked": 'operator={"x": s, "operator": s}',
    "a list in a field that is not masked": "executed_at=[s]",
    "a free-text code": 'error_code="not " + s',
    "a code that is a list": "error_code=[s]",
    "a status of a node": "status=s",
    "a field name reused in a parsed body": 'response_body_parsed={"node_type": s}',
    "a field name reused in outputs": 'outputs={"error_code": s, "status": s}',
    "a field name reused in headers": 'request_headers={"index": s}',
    "a body that is not encoded": "response_body=s",
    "an object in an assertion": 'assertion_results=[{"operator": {"x": s}}]',
}


@pytest.mark.parametrize("fields", UNMASKED_NAMES.values(), ids=UNMASKED_NAMES)
def test_field_names_that_are_not_masked_hide_no_secret(echopoint, api, runner, fields):
    secret = "SECRETMARK0123456789"
    api.inputs, api.secret_keys = {"token": secret}, ["token"]
    lines = f"s = package['inputs']['token']; result('failed', [node('a', {fields})])"

    ended = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", runner(lines), "-o", "json"
    )

    (sent,) = api.requests_to("/complete$")
    assert ended.code == 1, ended.err
    assert secret not in ended.out + ended.err + json.dumps(sent["body"])
    assert "***" in json.dumps(sent["body"])


def test_a_code_and_the_structure_of_a_node_stay_though_a_secret_equals_them(
    echopoint, api, runner
):
    api.inputs = {"a": "ASSERTION_FAILED", "b": "request", "c": "failed"}
    api.secret_keys = ["a", "b", "c"]
    lines = "result('failed', [node('request', error_code='ASSERTION_FAILED')])"

    ended = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", runner(lines), "-o", "json"
    )

    (node,) = ended.json["nodes"]
    (sent,) = api.requests_to("/complete$")
    assert sent["body"]["status"] == "failed"
    assert (node["node_id"], node["node_type"]) == ("request", "request")
    assert node["error_code"] == "ASSERTION_FAILED"
