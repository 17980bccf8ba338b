"""Secrets are found quickly, however many there are and whatever stands beside them."""

import secrets
import time

import pytest

from echopoint.executions.masking import LONG, MASK, Masker

MEGABYTES = 2 * 1024 * 1024


def test_the_longest_secret_that_is_at_a_place_is_hidden():
    masker = Masker(["ab", "abc", "abcd", "b", "x"])

    assert masker.text("abcd abc ab b abx cx") == "*** *** *** *** ****** c***"


@pytest.mark.parametrize("length", [1, LONG, LONG + 1, 10 * LONG])
def test_a_secret_of_any_length_is_hidden(length):
    secret = "s" * length

    assert Masker([secret]).text(f"<{secret}>") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("hidden", "text"),
    [
        pytest.param(
            [secrets.token_urlsafe(24) for _ in range(1000)],
            secrets.token_urlsafe(MEGABYTES * 3 // 4),
            id="many",
        ),
        pytest.param(
            ["k" * 60_000 + "z"], ("k" * 60_000 + "x") * 35, id="almost there"
        ),
        pytest.param(["k" * n for n in range(1, 1000)], "k" * MEGABYTES, id="nested"),
    ],
)
def test_secrets_cost_seconds_at_most(hidden, text):
    began = time.perf_counter()

    Masker(hidden).text(text)

    assert time.perf_counter() - began < 4


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
