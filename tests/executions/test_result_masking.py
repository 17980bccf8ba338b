"""Masking of many, long and nested secrets."""

import secrets

# The parsed pattern shows how many alternatives a search compares.
from re import _parser as regex_parser

import pytest

from echopoint.executions.result_masking import Masker
from echopoint.masking.mask import MASK
from echopoint.masking.variants import LONG


def test_the_longest_secret_that_is_at_a_place_is_hidden():
    masker = Masker(["ab", "abc", "abcd", "b", "x"])

    assert masker.text("abcd abc ab b abx cx") == "*** *** *** *** ****** c***"


@pytest.mark.parametrize("length", [1, LONG, LONG + 1, 10 * LONG])
def test_a_secret_of_any_length_is_hidden(length):
    secret = "s" * length

    assert Masker([secret]).text(f"<{secret}>") == f"<{MASK}>"


def alternations(parsed):
    """Yield how many ways each alternation of a parsed pattern has."""
    for operation, argument in parsed:
        if operation is regex_parser.BRANCH:
            yield len(argument[1])
            for way in argument[1]:
                yield from alternations(way)
        elif operation is regex_parser.SUBPATTERN:
            yield from alternations(argument[-1])


def test_a_place_is_compared_with_letters_and_not_with_each_of_many_secrets():
    masker = Masker([secrets.token_urlsafe(24) for _ in range(1000)])

    widest = max(alternations(regex_parser.parse(masker._search.pattern.pattern)))

    assert 50 < widest < 100


def test_a_long_secret_is_searched_separately():
    secret = "k" * 60_000 + "z"

    masker = Masker([secret])

    assert secret in masker._search.long
    assert len(masker._search.pattern.pattern) < LONG
    assert masker.text(f"{'k' * 60_000}x{secret}") == f"{'k' * 60_000}x{MASK}"


@pytest.mark.parametrize(
    "written",
    [
        "p%40ss%20w%2Frd%26%3A%3F",
        "p%40ss%20w%2frd%26%3a%3f",
        "p%40ss+w%2Frd%26%3A%3F",
        "p%40ss%20w/rd%26%3A%3F",
        "p@ss%20w/rd%26:%3F",
        "p@ss%20w/rd&:%3F",
        "p@ss%20w/rd&:?",
    ],
)
def test_a_secret_is_hidden_however_a_url_holds_it(written):
    text = f"https://shop.example/{written}/end"

    assert Masker(["p@ss w/rd&:?"]).text(text) == "https://shop.example/***/end"
