"""The demo as served by `make run`: its flows run with the printed commands."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory, running_site):
    with running_site(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture(scope="module")
def flows(site):
    """Return {name: id} of the demo flows."""
    _, output = site.echopoint(site.demo["secret"], "flows", "list", "-o", "json")
    return {flow["name"]: flow["id"] for flow in json.loads(output)["items"]}


def run(site, *arguments):
    """Run `flows run`; return the exit code and the JSON."""
    code, output = site.echopoint(
        site.demo["secret"], "flows", "run", *arguments, "-o", "json"
    )
    return code, json.loads(output)


def test_the_smoke_flows_pass(site):
    code, document = run(site, "--tag", "smoke", "--parallel", "2")

    assert code == 0
    assert document["success"]
    assert len(document["results"]) == 2


def test_the_sign_up_passes_with_variables_and_an_assert_node(site, flows):
    code, document = run(site, flows["Sign-up e-mail"])

    assert code == 0
    kinds = [node["node_type"] for node in document["nodes"]]
    assert kinds == ["set_variable", "request", "assert"]


def test_the_refund_fails_with_expected_and_actual_values(site, flows):
    code, document = run(site, flows["Refund"])

    assert (code, document["status"]) == (1, "failed")
    nodes = {node["node_id"]: node for node in document["nodes"]}
    failed = nodes["refund"]["assertions"][-1]
    assert (failed["expected"], failed["actual"], failed["passed"]) == (
        4200,
        4100,
        False,
    )
    statuses = {id: node["status"] for id, node in nodes.items()}
    assert statuses == {
        "order": "completed",
        "refund": "failed",
        "mail": "skipped",
        "log": "completed",
    }


def test_whoami_shows_scopes_and_days_left(site):
    code, output = site.echopoint(site.demo["secret"], "whoami", "-o", "json")

    assert code == 0
    answer = json.loads(output)
    assert (answer["preset"], answer["days_left"]) == ("ci", 89)
