"""Operators of assertions."""

from collections.abc import Callable
from decimal import Decimal

from echopoint.cli.engine import bounded_regex
from echopoint.cli.engine.values import is_empty, number_of, text_of

Operator = Callable[[object, object], bool]


class CannotCompare(ValueError):
    """The operator cannot compare these values."""


def evaluate(operator: str, actual: object, expected: object) -> bool:
    """Return True if the assertion passes; raises CannotCompare.

    `expected` is the `value` of the operator's data; unary operators ignore it.
    """
    return OPERATORS[operator](actual, expected)


def _as_text(compare: Callable[[str, str], bool]) -> Operator:
    return lambda actual, expected: compare(text_of(actual), text_of(expected))


def _as_numbers(compare: Callable[[Decimal, Decimal], bool]) -> Operator:
    return lambda actual, expected: compare(_number(actual), _number(expected))


def _number(value: object) -> Decimal:
    number = number_of(value)
    if number is None:
        raise CannotCompare(f"{_quoted(value)} is not a number")
    return number


def _quoted(value: object) -> str:
    text = text_of(value)
    return f'"{text}"' if isinstance(value, str) else text or "null"


def _search(actual: str, expected: str) -> bool:
    try:
        return bounded_regex.search(expected, actual)
    except bounded_regex.BadPattern as error:
        raise CannotCompare(str(error)) from None


def _between(actual: object, expected: object) -> bool:
    if not isinstance(expected, list) or len(expected) != 2:
        raise CannotCompare("between needs a list of two numbers, such as [200, 299]")
    least, most = map(_number, expected)
    return least <= _number(actual) <= most


OPERATORS: dict[str, Operator] = {
    "equals": _as_text(lambda actual, expected: actual == expected),
    "notEquals": _as_text(lambda actual, expected: actual != expected),
    "contains": _as_text(lambda actual, expected: expected in actual),
    "notContains": _as_text(lambda actual, expected: expected not in actual),
    "startsWith": _as_text(str.startswith),
    "endsWith": _as_text(str.endswith),
    "regex": _as_text(_search),
    "empty": lambda actual, expected: is_empty(actual),
    "notEmpty": lambda actual, expected: not is_empty(actual),
    "greaterThan": _as_numbers(lambda actual, expected: actual > expected),
    "lessThan": _as_numbers(lambda actual, expected: actual < expected),
    "greaterThanOrEqual": _as_numbers(lambda actual, expected: actual >= expected),
    "lessThanOrEqual": _as_numbers(lambda actual, expected: actual <= expected),
    "between": _between,
    # Called only with a value that exists; assertions.py handles absent values.
    "exists": lambda actual, expected: True,
    "notExists": lambda actual, expected: False,
}
ABSENCE = {"exists": False, "notExists": True}
