"""A JSON value as text: how templates insert it, operators compare it, secrets are found."""

import json
from decimal import Decimal

# Whole numbers up to here are written out in JSON, larger ones with an exponent.
WRITTEN_OUT = 1e21


def text_of(value: object) -> str:
    """Return a JSON value as text.

    Text stays as it is, null is "", numbers have no exponent and no trailing zeros (1.50
    is "1.5", 1e3 is "1000"). Objects and lists are compact JSON, the fields by name: two
    objects with the same fields have the same text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return _written_out(value)
    return compact(value)


def _written_out(number: float) -> str:
    """Return the shortest digits that are the number, with no exponent."""
    text = f"{Decimal(repr(number)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def compact(value: object) -> str:
    """Return the value as JSON without spaces, with the numbers and order of text_of."""
    return json.dumps(
        _plain(value),
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def _plain(value: object) -> object:
    """Return the value with whole numbers as such: 2.0 becomes 2."""
    if isinstance(value, float) and value.is_integer() and abs(value) < WRITTEN_OUT:
        return int(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
