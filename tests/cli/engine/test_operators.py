import time

import pytest
import re2

from echopoint.cli.engine import bounded_regex
from echopoint.cli.engine.operators import ABSENCE, OPERATORS, CannotCompare, evaluate

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
    assert evaluate(operator, actual, expected) is True


@pytest.mark.parametrize(("operator", "actual", "expected"), FALSE)
def test_it_does_not_hold(operator, actual, expected):
    assert evaluate(operator, actual, expected) is False


def test_each_operator_is_tested_both_ways():
    for cases in (TRUE, FALSE):
        tested = {operator for operator, _, _ in cases}
        assert tested == set(OPERATORS) - set(ABSENCE), (
            "TRUE and FALSE, above, each need rows of every operator that is not in"
            " ABSENCE, and of no other."
        )


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
def test_values_that_cannot_be_compared_are_an_error(
    operator, actual, expected, reason
):
    with pytest.raises(CannotCompare, match=reason):
        evaluate(operator, actual, expected)


def test_a_catastrophic_pattern_takes_no_time():
    began = time.process_time()

    assert not evaluate("regex", "a" * 100_000 + "bc", "^(a|aa|aaa)*(a|aa)*c$")

    assert time.process_time() - began < 2


@pytest.mark.parametrize("pattern", [r"\p{L}{999}", "a" * 10_001])
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern):
    with pytest.raises(CannotCompare, match="is too large"):
        evaluate("regex", "a", pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(?:(?:a{1000}){1000}){1000}", "((a{9}){9}b{99}){999}", "a{1001}", "a{999999999}"],
)
def test_a_repeat_counts_to_a_thousand(pattern):
    with pytest.raises(CannotCompare, match="is not valid"):
        evaluate("regex", "a", pattern)


@pytest.mark.parametrize(
    "pattern", ["a{1000}", "(a{10}){10}", "[a-z&&b]", "[[a]", r"(?i)A"]
)
def test_an_unusual_pattern_within_the_limits_is_accepted(pattern):
    assert evaluate("regex", "a" * 1000, pattern) in (True, False)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\p{L}+$", "Größe"),
        (r"b\z", "ab"),
        (r"(?<year>\d{4})", "in 2026"),
        (r"(?P<year>\d{4})", "in 2026"),
        (r"\Qa.b(\E", "a.b("),
        (r"(?U)a+", "aa"),
        (r"\Q\C\E", r"\C"),
        (r"a{1,255}", "a"),
        (r"\p{L}{1,255}", "a"),
        ("", ""),
        ("\ufffd", "\ud800"),
        ("\U0001f600", "\ud83d\ude00"),
    ],
)
def test_a_pattern_of_re2_matches(pattern, text):
    assert evaluate("regex", text, pattern) is True


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("b$", "ab\n"), ("^b", "a\nb"), (r"\d", "٣"), (r"\w", "é"), (".", "\n")],
)
def test_patterns_match_as_in_re2(pattern, text):
    assert evaluate("regex", text, pattern) is False


@pytest.mark.parametrize(
    "pattern",
    ["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?>a)", "a++", r"a\Z", r"\C"]
    + ["(?P<n>a)(?P<n>b)"],
)
def test_what_re2_has_not_is_an_error(pattern, capfd):
    with pytest.raises(CannotCompare, match="the regular expression is not valid"):
        evaluate("regex", "ab", pattern)

    # The library would log the pattern.
    assert capfd.readouterr() == ("", "")


def test_a_reason_repeats_nothing_of_the_pattern():
    with pytest.raises(CannotCompare) as refused:
        evaluate("regex", "a", "s3cr3t(?P<s3cr3t-word")

    assert "s3cr3t" not in str(refused.value)


def test_a_compiled_pattern_has_no_groups_and_is_not_cached_by_the_library():
    assert bounded_regex._compiled("(a)(b)").groups == 0
    assert re2._Regexp._make.cache_info().currsize == 0
