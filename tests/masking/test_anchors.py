"""Finding which of many short texts are in a long one."""

import re
import secrets
from re import _parser as regex_parser

from hypothesis import given
from hypothesis import strategies as st

from echopoint.masking.anchors import LONGEST, SHORTEST, Anchors

WORDS = st.text("abc", max_size=LONGEST + 4)


@given(st.lists(WORDS), st.text("abcd", max_size=200))
def test_what_is_in_the_text_is_found(words, text):
    found = set(Anchors((word, word) for word in words).in_text(text))

    assert {word for word in words if word in text} <= found


@given(st.lists(st.text("abc", min_size=SHORTEST, max_size=LONGEST)))
def test_what_is_not_in_the_text_is_not_tried(words):
    text = "abcabcaabbccaaabbbccc"

    found = set(Anchors((word, word) for word in words).in_text(text))

    assert found == {word for word in words if word in text}


def alternations(parsed):
    """Yield how many ways each alternation of a parsed pattern has."""
    for operation, argument in parsed:
        if operation is regex_parser.BRANCH:
            yield len(argument[1])
            for way in argument[1]:
                yield from alternations(way)
        elif operation is regex_parser.SUBPATTERN:
            yield from alternations(argument[-1])
        elif operation is regex_parser.ASSERT:
            yield from alternations(argument[1])


def test_a_place_is_compared_with_letters_and_not_with_each_of_many_texts():
    anchors = Anchors((secrets.token_hex(24), n) for n in range(5000))

    widest = max(alternations(regex_parser.parse(anchors.pattern.pattern)))

    assert 8 < widest <= 16
    assert re.compile(anchors.pattern)
