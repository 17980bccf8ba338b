"""The results of `flows run` as a table."""

import json
from collections.abc import Iterator
from typing import Any

from echopoint.cli.flow_runs.outcome import Outcome, unresolved_message
from echopoint.cli.flow_runs.progress import WORDS
from echopoint.cli.printable_text import one_line
from echopoint.cli.tables import Table, list_table

COLOURS = {0: "green", 2: "yellow"}
LONGEST_VALUE = 300


def summary_table(outcomes: list[Outcome]) -> Table:
    """Return a table of the flows, with the failures and warnings below it."""
    rows = [
        (o.name or o.flow_id, result_text(o), passed_nodes(o), seconds(o.duration_ms))
        for o in outcomes
    ]
    table = list_table(["FLOW", "RESULT", "NODES PASSED", "TIME"], rows)
    table.colours = [COLOURS.get(outcome.exit_code, "red") for outcome in outcomes]
    table.notes = [line for outcome in outcomes for line in failure_lines(outcome)]
    table.notes += [line for outcome in outcomes for line in warning_lines(outcome)]
    return table


def result_text(outcome: Outcome) -> str:
    note = f" ({outcome.replay_note})" if outcome.replayed else ""
    return f"{WORDS[outcome.exit_code]}{note}"


def passed_nodes(outcome: Outcome) -> str:
    if not outcome.nodes:
        return ""
    count = sum(node["status"] == "completed" for node in outcome.nodes)
    return f"{count} of {len(outcome.nodes)}"


def seconds(duration_ms: int | None) -> str:
    return "" if duration_ms is None else f"{duration_ms / 1000:.1f} s"


def failure_lines(outcome: Outcome) -> Iterator[str]:
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


def warning_lines(outcome: Outcome) -> Iterator[str]:
    """Yield a warning for each node with unresolved templates."""
    for node in outcome.nodes:
        if missing := node.get("missing_inputs"):
            name = node["display_name"] or node["node_id"]
            flow = outcome.name or outcome.flow_id
            yield one_line(f"Warning: {flow}, {name}: {unresolved_message(missing)}.")


def assertion_lines(assertions: list[Any]) -> Iterator[str]:
    """Yield the expected and actual value of each failed assertion."""
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
    """Return a value on one line, and cut a long one.

    API keys must be removed before: see `Outcome.scrubbed`.
    """
    text = one_line(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (cut)"
