"""Convert JSON values to text and numbers, and parse JSON."""

import json
import math
from decimal import Decimal

from echopoint.flow_language.numerals import numeral

# Texts with a longer exponent do not count as numbers.
MAX_EXPONENT = 6  # digits
# JSON has whole numbers below this without an exponent.
WRITTEN_OUT = 1e21
# The API cannot store JSON that is nested deeper.
MAX_DEPTH = 50


def text_of(value: object) -> str:
    """Return a JSON value as text.

    Text is unchanged, null is "", and numbers have no exponent and no trailing zeros (1.50
    is "1.5", 1e3 is "1000"). Objects and lists are compact JSON with sorted fields, so that
    equal objects have the same text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return _written_out(value)
    return compact(value)


def _written_out(number: float) -> str:
    """Return the shortest decimal form without an exponent."""
    text = f"{Decimal(repr(number)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def compact(value: object) -> str:
    """Return compact JSON, with the numbers and sorted fields of text_of()."""
    return json.dumps(
        _plain(value),
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def _plain(value: object) -> object:
    """Convert whole floats to integers: 2.0 becomes 2."""
    if isinstance(value, float) and value.is_integer() and abs(value) < WRITTEN_OUT:
        return int(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def number_of(value: object) -> Decimal | None:
    """Convert a number, or a text that contains only a number; None for other values."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, str) and (match := numeral(value)):
        is_bounded = len(match["exponent"] or "") <= MAX_EXPONENT
        return Decimal(match[0]) if is_bounded else None
    return None


def is_empty(value: object) -> bool:
    """Return True for null, "", [] and {}; 0 and false are not empty."""
    return value is None or value in ("", [], {})


def is_deep(value: object, most: int = MAX_DEPTH) -> bool:
    """Return True if lists and objects are nested deeper than `most`."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def parse_json(text: str) -> object:
    """Parse JSON (RFC 8259); raise ValueError with the reason.

    Also refuses values that the API cannot store: numbers out of the range of a double, and
    nesting deeper than MAX_DEPTH.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_float)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if is_deep(value):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("it has a number that is too large")
    return number
