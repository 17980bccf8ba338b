import pytest

from echopoint.cli.engine.normalization import normalize
from tests.cli.engine.flows import assertion, chain, flow, run, run_node, variables


def test_a_node_without_a_display_name_goes_by_its_id():
    for named in ({}, {"display_name": None}, {"display_name": ""}):
        node = variables("a", x=1)
        del node["display_name"]

        assert run_node(node | named)["display_name"] == "a"


@pytest.mark.parametrize("edges", [{}, {"edges": None}])
def test_a_flow_without_edges_runs(edges):
    definition = flow(variables("a", x=1))
    del definition["edges"]

    assert run(definition | edges)["status"] == "completed"


@pytest.mark.parametrize("field", ["outputs", "assertions", "run_when"])
def test_null_is_read_as_absent(field):
    assert "error_code" not in run_node(variables("a", x=1) | {field: None})


def test_an_empty_run_when_is_on_success():
    first = variables("a", x=1) | {"assertions": [assertion("empty", kind="body")]}
    second = variables("b", x=1) | {"run_when": ""}

    results = run(chain(first, second))["result"]["execution_results"]

    assert results["b"]["error_code"] == "NODE_SKIPPED"


@pytest.mark.parametrize(("value", "passed"), [(1, True), (2, False)])
def test_an_assertion_may_be_in_camel_case(value, passed):
    camel = {
        "extractorType": "jsonPath",
        "extractorData": {"path": "$.x"},
        "operatorType": "equals",
        "operatorData": {"value": value},
    }

    (result,) = run_node(variables("a", x=1) | {"assertions": [camel]})[
        "assertion_results"
    ]

    assert result["passed"] is passed


def test_an_assertion_needs_no_empty_data():
    bare = {"extractor_type": "body", "operatorType": "notEmpty"}

    (result,) = run_node(variables("a", x=1) | {"assertions": [bare]})[
        "assertion_results"
    ]

    assert result["passed"] is True


def test_normalization_does_not_change_its_argument():
    given = {"nodes": [{"id": "a", "run_when": "", "assertions": [{}]}]}

    normalize(given)

    assert given == {"nodes": [{"id": "a", "run_when": "", "assertions": [{}]}]}


@pytest.mark.parametrize("junk", [None, 1, "x", [], {"nodes": 1}, {"nodes": [1]}])
def test_junk_is_left_to_the_checks(junk):
    normalize(junk)
    normalize({"nodes": [{"assertions": junk}, {"assertions": [junk]}]})
