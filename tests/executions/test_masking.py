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
