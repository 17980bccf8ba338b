import pytest

from echopoint.cli.engine.values import (
    is_empty,
    number_of,
    parse_json,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("200", "200"),
        (" a ", " a "),
        (200, "200"),
        (1.50, "1.5"),
        (1e3, "1000"),
        (-0.0, "0"),
        (1e-7, "0.0000001"),
        (1.5e-7, "0.00000015"),
        (1e21, "1" + "0" * 21),
        (1e300, "1" + "0" * 300),
        (-2.50, "-2.5"),
        (123456789.125, "123456789.125"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ([1, 2.0, "é"], '[1,2,"é"]'),
        ({"b": 1.0, "a": None}, '{"a":null,"b":1}'),
        ([], "[]"),
    ],
)
def test_a_value_has_one_text(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_these_are_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize("value", [0, False, " ", [None], {"a": ""}, 0.0])
def test_these_are_not_empty(value):
    assert not is_empty(value)


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", "7.", "70e-1", "+7"])
def test_a_number_may_be_spelled(value):
    assert number_of(value) == 7


@pytest.mark.parametrize(
    "value",
    [True, None, "", "seven", "0x7", "1_0", "NaN", "Infinity", "٧", [7], float("nan")],
)
def test_these_are_no_numbers(value):
    assert number_of(value) is None


def test_a_text_with_an_unlimited_exponent_is_not_a_number():
    assert number_of("1e999999999999") is None
    assert number_of("1e999999") > number_of("1e999998")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e999", "too large"),
        ("[" * 60 + "]" * 60, "deeper than 50 levels"),
        ("[" * 100_000, "nested too deep"),
        ("1" * 5000, "Exceeds the limit"),
    ],
)
def test_json_that_cannot_be_stored_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_json_just_within_bounds_is_read():
    assert parse_json("1e308") == 1e308
    assert parse_json("[" * 50 + "]" * 50)
