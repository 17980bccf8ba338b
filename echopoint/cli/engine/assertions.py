"""Check the assertions of a node, in order, until one fails."""

from typing import Any

from echopoint.cli.engine.exceptions import Absent, NodeFailed, NothingFound
from echopoint.cli.engine.extractors import Source, extract, is_resolved
from echopoint.cli.engine.operators import ABSENCE, CannotCompare, evaluate
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import Renderer
from echopoint.cli.engine.values import compact
from echopoint.flow_language.field_aliases import HEADER
from echopoint.flow_language.words import UNARY_OPERATORS

MAX_VALUE = 200  # characters of a value in a message


def check(
    assertions: list[dict[str, Any]],
    source: Source,
    *,
    real: Renderer,
    masked: Renderer,
    recorder: Recorder,
    results: list[dict[str, Any]],
) -> None:
    """Append the result of each assertion; raise NodeFailed at the first that fails.

    Expected values are rendered twice: with `real` for the comparison, and with `masked` for
    the result.
    """
    for index, assertion in enumerate(assertions):
        result = _evaluate(assertion, source, real, recorder)
        expected = masked.render(assertion["operator_data"].get("value"))
        result |= {"index": index, "expected": recorder.value(expected)}
        results.append(result)
        if not result["passed"]:
            raise NodeFailed("ASSERTION_FAILED", _message(assertion, result))


def _evaluate(
    assertion: dict[str, Any], source: Source, real: Renderer, recorder: Recorder
) -> dict[str, Any]:
    kind, operator = assertion["extractor_type"], assertion["operator_type"]
    result = {"extractor": kind, "operator": operator, "actual": None, "passed": False}
    try:
        actual = extract(kind, assertion["extractor_data"], source)
        if operator in ABSENCE and not is_resolved(actual):
            raise Absent("the variable has no value")
        result["actual"] = recorder.value(actual)
        expected = real.render(assertion["operator_data"].get("value"))
        result["passed"] = evaluate(operator, actual, expected)
    except Absent as error:
        result["passed"] = ABSENCE.get(operator, False)
        if operator not in ABSENCE:
            result["error"] = recorder.text(str(error))
    except (NothingFound, CannotCompare) as error:
        result["error"] = recorder.text(str(error))
    return result


def _message(assertion: dict[str, Any], result: dict[str, Any]) -> str:
    """Return the failure message. `result` is masked already."""
    what, data = result["extractor"], assertion["extractor_data"]
    for key in ("path", *HEADER):
        if isinstance(data.get(key), str) and what in ("jsonPath", "header"):
            what += f" {data[key]}"
    message = f"Assertion {result['index'] + 1} failed: {what} {result['operator']}"
    if result["operator"] not in UNARY_OPERATORS:
        message += f" {_shorten(result['expected'])}"
    if result["operator"] == "exists":
        return f"{message}, but no value exists."
    if "error" in result:
        return f"{message}: {result['error']}."
    return f"{message}, but it is {_shorten(result['actual'])}."


def _shorten(value: object) -> str:
    text = compact(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
