import pytest
import re2

from echopoint.cli.engine import bounded_regex
from echopoint.flows.definition import patterns
from echopoint.flows.definition.validation import problems
from tests.flows.definition.definitions import (
    asserting,
    assertion,
    flow,
    request,
    sole,
)


@pytest.mark.parametrize(
    "pattern",
    ["", r"^ord_\d+$", "a|b", "{{pattern}}(", "[[]odd", r"(?i)[a-zé]", "a{2}", 404]
    + [r"\p{L}+", r"b\z", r"(?<year>\d{4})", r"(?P<year>\d)", r"\Qa.b(\E", "(?U)a+"]
    + [r"\p{L}{1,255}", r"\Q\C\E", r"\\C", "a" * 10_000],
)
def test_a_sound_regular_expression_is_valid(pattern):
    assert problems(asserting("regex", value=pattern)) == []


@pytest.mark.parametrize(
    ("pattern", "reason", "advice"),
    [
        ("(", "missing ): (.", "Use RE2's grammar"),
        ("*", "no argument for repetition operator: *.", "Use RE2's grammar"),
        ("{{(", "missing ): {{(.", "Use RE2's grammar"),
        (
            "a{1001}",
            "invalid repetition size: {1001}.",
            "A repeat count may be at most 1000",
        ),
        (
            "a{9999999999}",
            "invalid repetition size: {9999999999}.",
            "A repeat count may",
        ),
        (
            "(a{50}){50}",
            "invalid repetition size: {50}.",
            "A repeat count may be at most 1000",
        ),
        ("a(?=b)", "invalid perl operator: (?=.", "RE2 has no lookahead"),
        ("a(?!b)", "invalid perl operator: (?!.", "RE2 has no lookahead"),
        (
            "(?<=a)b",
            "invalid perl operator: (?<=.",
            "RE2 has no lookahead and no lookb",
        ),
        (
            "(?<!a)b",
            "invalid perl operator: (?<!.",
            "RE2 has no lookahead and no lookb",
        ),
        (r"(a)\1", r"invalid escape sequence: \1.", "RE2 has no backreferences"),
        (r"(?<n>a)\k<n>", r"invalid escape sequence: \k.", "RE2 has no backreferences"),
        ("(?>a)", "invalid perl operator: (?>.", "RE2 has no atomic groups"),
        ("a++", "bad repetition operator: ++.", "RE2 has no atomic groups"),
        (r"a\Z", r"invalid escape sequence: \Z.", r"Write \z for the end"),
        (r"\u00e9", r"invalid escape sequence: \u.", r"Write \x{00e9} for"),
        (r"\C", r"invalid escape sequence: \C.", "Use RE2's grammar"),
        (
            "(?P<n>a)(?<n>b)",
            "duplicate group name: n.",
            "Give each group a different name",
        ),
    ],
)
def test_what_re2_refuses_is_refused_with_what_to_do(pattern, reason, advice):
    field, message = sole(asserting("regex", value=pattern))

    assert field == "nodes[0].assertions[0].operator_data.value"
    assert message.startswith(f"The regular expression is not valid: {reason} {advice}")


@pytest.mark.parametrize("pattern", ["a" * 10_001, r"\p{L}{999}", "(" * 20_000])
def test_a_regular_expression_has_its_limits(pattern):
    assert sole(asserting("regex", value=pattern)).message == (
        "The regular expression is too large. Make it shorter, with smaller repeats."
    )


def test_the_regular_expressions_of_a_flow_have_a_limit_together():
    large = [rf"\p{{L}}{{255}}{place}" for place in range(9)]
    nodes = [
        request(str(place)) | {"assertions": [assertion("regex", value=pattern)]}
        for place, pattern in enumerate(large)
    ]

    found = problems(flow(*nodes))

    assert found[0].field == "nodes[3].assertions[0].operator_data.value"
    assert "are too large together" in found[0].message
    assert problems(flow(*nodes[:3])) == []


def test_a_regular_expression_that_repeats_counts_once():
    one = assertion("regex", value=r"\p{L}{255}")

    assert problems(flow(request("a") | {"assertions": [one] * 100})) == []


@pytest.mark.parametrize("pattern", ["a", "("])
def test_a_checked_pattern_is_not_cached(pattern):
    problems(asserting("regex", value=pattern))

    assert re2._Regexp._make.cache_info().currsize == 0


def test_a_refused_pattern_is_in_no_log(capfd):
    sole(asserting("regex", value="s3cr3t("))

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "pattern",
    [r"\p{L}", "a" * 10_000, "a" * 10_001, r"\C", "a{999999999}", "a{1001}", "(?=a)"]
    + ["(?P<n>a)(?P<n>b)", r"\p{L}{255}", r"\p{L}{999}", r"\Q\C{999999999}", "(?U)a"]
    + [r"(?<n>a)", "(", "[[]", r"\z", r"\Z", "\ud800", "a**", "(?i)K", ""],
)
def test_the_command_takes_the_patterns_that_the_server_takes(pattern):
    accepted = problems(asserting("regex", value=pattern)) == []
    try:
        bounded_regex.search(pattern, "a")
        runs = True
    except bounded_regex.BadPattern:
        runs = False

    assert accepted == runs


def test_the_command_has_the_bounds_of_the_server():
    assert bounded_regex.compile_pattern is patterns.compile_pattern
