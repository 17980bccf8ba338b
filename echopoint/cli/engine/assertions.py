"""The assertions of a node, one after the other until one fails."""

from echopoint.cli.engine.exceptions import Absent, NodeFailed, NothingFound
from echopoint.cli.engine.extractors import Source, extract, is_there
from echopoint.cli.engine.operators import ABSENCE, CannotCompare, holds
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import Renderer
from echopoint.cli.engine.values import compact
from echopoint.flow_language.spellings import HEADER
from echopoint.flow_language.words import UNARY_OPERATORS

MAX_SHOWN = 200  # characters of a value in a message


def check(
    assertions: list[dict],
    source: Source,
    *,
    real: Renderer,
    shown: Renderer,
    recorder: Recorder,
    results: list[dict],
) -> None:
    """Append the result of each assertion; raise NodeFailed at the first that fails.

    What is expected is rendered twice: `real` to compare, `shown` to be recorded.
    """
    for index, assertion in enumerate(assertions):
        result = _checked(assertion, source, real, recorder)
        expected = shown.render(assertion["operator_data"].get("value"))
        result |= {"index": index, "expected": recorder.value(expected)}
        results.append(result)
        if not result["passed"]:
            raise NodeFailed("ASSERTION_FAILED", _message(assertion, result))


def _checked(
    assertion: dict, source: Source, real: Renderer, recorder: Recorder
) -> dict:
    kind, operator = assertion["extractor_type"], assertion["operator_type"]
    result = {"extractor": kind, "operator": operator, "actual": None, "passed": False}
    try:
        actual = extract(kind, assertion["extractor_data"], source)
        if operator in ABSENCE and not is_there(actual):
            raise Absent("nothing is known by that name")
        result["actual"] = recorder.value(actual)
        expected = real.render(assertion["operator_data"].get("value"))
        result["passed"] = holds(operator, actual, expected)
    except Absent as error:
        result["passed"] = ABSENCE.get(operator, False)
        if operator not in ABSENCE:
            result["error"] = recorder.text(str(error))
    except (NothingFound, CannotCompare) as error:
        result["error"] = recorder.text(str(error))
    return result


def _message(assertion: dict, result: dict) -> str:
    """Return what was expected and what came, without secrets."""
    what, data = result["extractor"], assertion["extractor_data"]
    for key in ("path", *HEADER):
        if isinstance(data.get(key), str) and what in ("jsonPath", "header"):
            what += f" {data[key]}"
    said = f"Assertion {result['index'] + 1} failed: {what} {result['operator']}"
    if result["operator"] not in UNARY_OPERATORS:
        said += f" {_short(result['expected'])}"
    if result["operator"] == "exists":
        return f"{said}, but there is nothing."
    if "error" in result:
        return f"{said}: {result['error']}."
    return f"{said}, but it is {_short(result['actual'])}."


def _short(value: object) -> str:
    text = compact(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
