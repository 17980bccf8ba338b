import pytest

from echopoint.flow_language.words import OPERATORS
from echopoint.flows.definition.validation import problems
from tests.flows.definition.definitions import (
    REMOVED,
    asserting,
    changed,
    flow,
    request,
    sole,
)


@pytest.mark.parametrize("kind", ["jsonPath", "xmlPath"])
@pytest.mark.parametrize("path", [REMOVED, "", 5])
def test_an_extractor_by_path_needs_a_path(kind, path):
    data = {} if path is REMOVED else {"path": path}

    field, message = sole(asserting("empty", kind, data))

    assert field == "nodes[0].assertions[0].extractor_data.path"
    assert message.startswith(f"The {kind} extractor needs a path, such as ")
    assert problems(asserting("empty", kind, {"path": "$.id"})) == []


@pytest.mark.parametrize("data", [{}, {"header_name": ""}, {"headerName": None}])
def test_a_header_extractor_needs_a_name(data):
    assert sole(asserting("empty", "header", data)) == (
        "nodes[0].assertions[0].extractor_data.header_name",
        'The header extractor needs a header_name, such as "Content-Type".',
    )


@pytest.mark.parametrize("spelling", ["header_name", "headerName"])
def test_a_header_may_be_named_in_either_spelling(spelling):
    extractor = {"type": "header", spelling: "Date"}

    assert problems(asserting("empty", "header", {spelling: "Date"})) == []
    assert problems(changed("nodes[0].outputs[1].extractor", extractor)) == []


@pytest.mark.parametrize("spelling", ["query_params", "queryParams"])
def test_query_parameters_may_be_given_in_either_spelling(spelling):
    assert problems(flow(request("a", **{spelling: {"page": [1]}}))) == []
    found = sole(flow(request("a", **{spelling: []})))
    assert found.field == f"nodes[0].data.{spelling}"


@pytest.mark.parametrize("kind", ["statusCode", "body"])
def test_other_extractors_need_nothing(kind):
    assert problems(asserting("empty", kind, {"path": None})) == []


def test_extractors_of_outputs_and_branches_are_checked_too():
    output = "nodes[0].outputs[0].extractor.path"
    case = "nodes[5].data.cases[0].when.extractor_data.path"

    assert sole(changed(output, REMOVED)).field == output
    assert sole(changed(case, REMOVED)).field == case


@pytest.mark.parametrize("operator", OPERATORS)
def test_only_these_operators_need_no_value(operator):
    found = problems(asserting(operator))

    if operator in ("empty", "notEmpty", "exists", "notExists"):
        assert found == []
    else:
        assert found, (
            f"{operator} needs no value: name it in this test, or remove it from"
            " UNARY_OPERATORS."
        )
        field, message = found[0]
        assert field == "nodes[0].assertions[0].operator_data.value"
        assert message == f"The operator {operator} needs a value to compare with."


def test_a_value_may_be_null():
    assert problems(asserting("equals", value=None)) == []


@pytest.mark.parametrize(
    "value",
    [[1, 2], [-1.5, 10**400], ["1", " -2.5e3 "], ["{{low}}", "{{login.high}}"], [2, 1]],
)
def test_between_takes_two_numbers(value):
    assert problems(asserting("between", value=value)) == []


@pytest.mark.parametrize(
    "value",
    [5, "1,2", None, {}, [], [1], [1, 2, 3], [1, True], [1, None], [1, "two"], ["", 1]]
    + [[1, "1_0"], [1, "nan"], [1, "{{}}"], ["٣", 4], [1, [2]]],
)
def test_between_takes_nothing_else(value):
    assert sole(asserting("between", value=value)) == (
        "nodes[0].assertions[0].operator_data.value",
        "The operator between needs a list of two numbers, such as [200, 299].",
    )


def test_the_condition_of_a_branch_is_checked_as_an_assertion():
    field = "nodes[5].data.cases[0].when.operator_data.value"

    assert sole(changed(field, [1])).field == field
