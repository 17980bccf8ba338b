"""LIKE on SQLite matches like PostgreSQL's ILIKE, in all alphabets."""

import time

import pytest
from django.db import connection

from echopoint.core.sqlite import like, lower


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("%été%", ["été", "ÉTÉ", "un Été ici"], ["ete", "é té", ""]),
        ("ÉTÉ%", ["été", "Étés"], ["un été"]),
        ("%été", ["un ÉTÉ"], ["étés"]),
        ("été", ["ÉTÉ"], ["étés", "un été", ""]),
        ("%", ["", "x", "a\nb"], []),
        ("%%", ["", "x"], []),
        ("", [""], ["x"]),
        ("a%c", ["abc", "AC", "a\n\nc"], ["abcd", "xac"]),
        ("%a%c%", ["xabcx"], ["ca"]),
        ("a_c", ["abc", "a\nc", "aÉc"], ["ac", "abbc"]),
        (r"100\%", ["100%"], ["100", "100 percent"]),
        (r"%a\_b%", ["xA_Bx"], ["axb"]),
        (r"%\\%", ["a\\b"], ["ab"]),
        (r"\%", ["%"], ["x", ""]),
        ("%σασ%", ["ΣΑΣ", "σας"], ["σα"]),
        ("%.*%", ["a.*b"], ["ab"]),
        ("%1.5%", [1.5, "11.5"], [15]),
        ("12%", [12, 123], [312]),
        ("%é%", ["É".encode()], [b"\xff"]),
    ],
)
def test_like_ignores_case_and_nothing_else(pattern, found, not_found):
    assert [value for value in found if not like(pattern, value, "\\")] == []
    assert [value for value in not_found if like(pattern, value, "\\")] == []


@pytest.mark.parametrize("null", [(None, "x"), ("%", None), (None, None)])
def test_like_null_is_null(null):
    assert like(*null, "\\") is None
    assert like("%", "x", None) is None


def test_non_text_values_are_unchanged():
    assert [lower(value) for value in ("É", 5, None)] == ["é", 5, None]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own LIKE")
def test_every_connection_has_our_functions(db):
    query = (
        r"SELECT 'ÉTÉ' LIKE '%été%' ESCAPE '\', NULL LIKE 'x' ESCAPE '\', LOWER('É')"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)

        assert cursor.fetchone() == (1, None, "é")


def test_a_large_text_is_searched_fast():
    body = "é" * 1_048_576
    began = time.perf_counter()

    for _ in range(10):
        like("%été%", body, "\\")

    assert time.perf_counter() - began < 2
