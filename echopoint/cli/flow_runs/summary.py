"""The results of `flows run` as a person reads them."""

import json
from collections.abc import Iterator
from typing import Any

from echopoint.cli.flow_runs.outcome import Outcome, words_of
from echopoint.cli.flow_runs.progress import WORDS
from echopoint.cli.tables import Table, table_of
from echopoint.cli.text import one_line

COLOURS = {0: "green", 2: "yellow"}
LONGEST_VALUE = 300


def summary(outcomes: list[Outcome]) -> Table:
    """Return the flows in a table, and below it why each failed one did."""
    rows = [
        (o.name or o.flow_id, result(o), passed(o), seconds(o.duration_ms))
        for o in outcomes
    ]
    table = table_of(["FLOW", "RESULT", "NODES PASSED", "TIME"], rows)
    table.colours = [COLOURS.get(outcome.exit_code, "red") for outcome in outcomes]
    table.notes = [line for outcome in outcomes for line in failures(outcome)]
    table.notes += [line for outcome in outcomes for line in warnings(outcome)]
    return table


def result(outcome: Outcome) -> str:
    note = f" ({outcome.replay_note})" if outcome.replayed else ""
    return f"{WORDS[outcome.exit_code]}{note}"


def passed(outcome: Outcome) -> str:
    if not outcome.nodes:
        return ""
    count = sum(node["status"] == "completed" for node in outcome.nodes)
    return f"{count} of {len(outcome.nodes)}"


def seconds(duration_ms: int | None) -> str:
    return "" if duration_ms is None else f"{duration_ms / 1000:.1f} s"


def failures(outcome: Outcome) -> Iterator[str]:
    """Yield the lines that say what went wrong."""
    if outcome.exit_code == 0:
        return
    title = f"{outcome.name or outcome.flow_id}: {outcome.error_message or 'failed.'}"
    yield ""
    yield f"✗ {one_line(title)}"
    if outcome.execution_id:
        yield f"  Execution {one_line(outcome.execution_id)}"
    for node in outcome.nodes:
        if node["status"] == "failed":
            name = node["display_name"] or node["node_id"]
            yield f"  ✗ {one_line(name)}: {one_line(node['error_message'] or 'failed.')}"
            yield from assertion_lines(node.get("assertions") or [])


def warnings(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each node that used a template as it is written."""
    for node in outcome.nodes:
        if missing := node.get("missing_inputs"):
            name = node["display_name"] or node["node_id"]
            flow = outcome.name or outcome.flow_id
            yield one_line(f"Warning: {flow}, {name}: {words_of(missing)}.")


def assertion_lines(assertions: list[Any]) -> Iterator[str]:
    """Yield what was expected and what came, for each assertion that did not hold."""
    for assertion in assertions:
        if isinstance(assertion, dict) and not assertion.get("passed"):
            yield (
                f"    {short(assertion.get('extractor'))}"
                f" {short(assertion.get('operator'))}:"
                f" expected {short(assertion.get('expected'))},"
                f" got {short(assertion.get('actual'))}"
            )
            if assertion.get("error"):
                yield f"    {short(assertion['error'])}"


def short(value: Any) -> str:
    """Return a value on one line; a long one is cut, and says so."""
    text = one_line(value if isinstance(value, str) else repr_of(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (cut)"


def repr_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
