"""Enumerations of a flow. Clients and stored flows depend on them."""

from echopoint.flow_language import words


def test_the_words_are_those_of_the_api():
    assert words.HTTP_METHODS == (
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
    )
    assert words.EXTRACTORS == ("jsonPath", "xmlPath", "statusCode", "header", "body")
    assert words.OPERATORS == (
        "equals",
        "notEquals",
        "contains",
        "notContains",
        "startsWith",
        "endsWith",
        "regex",
        "empty",
        "notEmpty",
        "greaterThan",
        "lessThan",
        "greaterThanOrEqual",
        "lessThanOrEqual",
        "between",
        "exists",
        "notExists",
    ), "Stored flows use these words: add to the list, and remove or rename nothing."
    assert words.RUN_WHEN == ("on_success", "always")
    assert words.EDGE_TYPES == ("success", "failure")


def test_an_operator_that_compares_with_nothing_is_an_operator():
    assert {"empty", "notEmpty", "exists", "notExists"} == words.UNARY_OPERATORS, (
        "Name the operator here if it needs no value."
    )
    assert set(words.OPERATORS) > words.UNARY_OPERATORS
