import time

import pytest

from echopoint.cli.engine.operators import ABSENCE, OPERATORS, CannotCompare, holds

TRUE = [
    ("equals", 200, "200"),
    ("equals", 1.50, "1.5"),
    ("equals", None, ""),
    ("equals", True, "true"),
    ("equals", {"b": 1, "a": 2.0}, {"a": 2, "b": 1}),
    ("notEquals", "A", "a"),
    ("contains", "abc", "b"),
    ("contains", [1, 22], "22"),
    ("contains", 1234, 23),
    ("notContains", "abc", "x"),
    ("startsWith", "Bearer x", "Bearer"),
    ("endsWith", "a.json", ".json"),
    ("regex", "order 17 shipped", r"\d+"),
    ("regex", 503, "^5"),
    ("empty", {}, None),
    ("notEmpty", 0, None),
    ("greaterThan", "10", 9),
    ("lessThan", 9, "10"),
    ("greaterThanOrEqual", 10, "10.0"),
    ("lessThanOrEqual", 0.1, "0.1"),
    ("between", 200, [200, 299]),
    ("between", "299", ["200", 299]),
]
FALSE = [
    ("equals", 200, "200.0"),
    ("equals", "A", "a"),
    ("notEquals", 200, "200"),
    ("contains", "abc", "d"),
    ("notContains", "abc", "b"),
    ("startsWith", "abc", "b"),
    ("endsWith", "abc", "b"),
    ("regex", "abc", "^b"),
    ("empty", 0, None),
    ("notEmpty", [], None),
    ("greaterThan", 9, 10),
    ("greaterThan", 10**18, 10**18 + 1),
    ("lessThan", "10", "9"),
    ("greaterThanOrEqual", 9.99, 10),
    ("lessThanOrEqual", 10.01, 10),
    ("between", 300, [200, 299]),
    ("between", 199, [200, 299]),
    ("between", 250, [299, 200]),
]


@pytest.mark.parametrize(("operator", "actual", "expected"), TRUE)
def test_it_holds(operator, actual, expected):
    assert holds(operator, actual, expected) is True


@pytest.mark.parametrize(("operator", "actual", "expected"), FALSE)
def test_it_does_not_hold(operator, actual, expected):
    assert holds(operator, actual, expected) is False


def test_all_fourteen_are_tested_both_ways():
    for cases in (TRUE, FALSE):
        assert {operator for operator, _, _ in cases} == set(OPERATORS) - set(ABSENCE)
    assert len(set(OPERATORS) - set(ABSENCE)) == 14


@pytest.mark.parametrize(
    ("operator", "actual", "expected", "reason"),
    [
        ("greaterThan", "many", 1, '"many" is not a number'),
        ("greaterThan", True, 0, "true is not a number"),
        ("lessThan", 1, None, "null is not a number"),
        ("lessThanOrEqual", [1], 1, r"\[1\] is not a number"),
        ("greaterThanOrEqual", "NaN", 1, '"NaN" is not a number'),
        ("between", 1, 5, "needs a list of two numbers"),
        ("between", 1, [5], "needs a list of two numbers"),
        ("between", 1, [0, "x"], '"x" is not a number'),
        ("regex", "a", "(", "is not valid"),
        ("regex", "a", "(" * 5000, "nested too deep|is not valid"),
    ],
)
def test_what_nobody_can_compare_is_an_error(operator, actual, expected, reason):
    with pytest.raises(CannotCompare, match=reason):
        holds(operator, actual, expected)


def test_a_catastrophic_pattern_ends():
    began = time.monotonic()

    with pytest.raises(CannotCompare, match="took longer than 1 s"):
        holds("regex", "a" * 5000 + "bc", "^(a|aa|aaa)*(a|aa)*c$")

    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "pattern", ["(?:(?:a{1000}){1000}){1000}", "((a{9}){9}b{99}){999}", "a" * 60_000]
)
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern):
    with pytest.raises(CannotCompare, match="is too large"):
        holds("regex", "a", pattern)


@pytest.mark.parametrize(
    "pattern", ["a{1000}", "(a{10}){10}", "[a-z&&b]", "[[a]", r"(?i)A"]
)
def test_an_odd_pattern_within_bounds_is_none_to_complain_of(pattern):
    assert holds("regex", "a" * 1000, pattern) in (True, False)
