"""The results of `flows run` as a JUnit report, for CI systems.

A suite is a flow, and a test case is a node. Assertions are not test cases: those after a
failed one are not evaluated, so the test cases would differ from run to run.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from echopoint.cli.exceptions import CANCELLED, ERROR, FAILED, TIMED_OUT
from echopoint.cli.flow_runs.outcome import Outcome
from echopoint.cli.flow_runs.summary import assertion_lines
from echopoint.cli.printable_text import one_line
from echopoint.cli.settings import Settings

# Characters that XML 1.0 does not allow, not even as a character reference.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TYPES = {FAILED: "failed", CANCELLED: "cancelled", ERROR: "error", TIMED_OUT: "timeout"}
# The name of the test case for the flow as a whole.
FLOW_CASE = "flow"


def junit_report(outcomes: list[Outcome], settings: Settings) -> bytes:
    """Return the report of all flows as XML."""
    names = unique_names((o.name or o.flow_id, o.flow_id) for o in outcomes)
    suites = [suite(o, name) for o, name in zip(outcomes, names, strict=True)]
    root = Element("testsuites", {"name": "echopoint", **totals(suites)})
    root.extend(suites)
    for element in root.iter():
        make_safe(element, settings)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def unique_names(named: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return the names. The id is appended to names that occur twice."""
    pairs = [(one_line(name), one_line(id)) for name, id in named]
    counts = Counter(name for name, _ in pairs)
    return [f"{name} ({id})" if counts[name] > 1 else name for name, id in pairs]


def suite(outcome: Outcome, name: str) -> Element:
    """Return the suite of one flow."""
    cases = [case for case in [flow_case(outcome, name)] if case is not None]
    named = ((n["display_name"] or n["node_id"], n["node_id"]) for n in outcome.nodes)
    for node, case_name in zip(outcome.nodes, unique_names(named), strict=True):
        cases.append(node_case(node, case_name, name))
    element = Element("testsuite", {"name": name, **counts_of(cases)})
    element.set("time", seconds(outcome.duration_ms))
    if started := timestamp(outcome.started_at):
        element.set("timestamp", started)
    element.append(properties(outcome))
    element.extend(cases)
    return element


def flow_case(outcome: Outcome, name: str) -> Element | None:
    """Return a case for the flow itself if no node shows its result, else None."""
    code, nodes = outcome.exit_code, outcome.nodes
    if code == 0 and nodes:
        return None
    if code == FAILED and any(node["status"] == "failed" for node in nodes):
        return None
    case = Element("testcase", {"classname": name, "name": FLOW_CASE})
    case.set("time", "0.000" if nodes else seconds(outcome.duration_ms))
    if code:
        tag = "failure" if code == FAILED else "error"
        message = outcome.error_message or f"The flow ended with exit code {code}."
        add_problem(case, tag, TYPES[code], message)
    return case


def node_case(node: dict[str, Any], name: str, flow_name: str) -> Element:
    case = Element("testcase", {"classname": flow_name, "name": name})
    case.set("time", seconds(node["duration_ms"]))
    if node["status"] == "failed":
        message = node["error_message"] or "The node failed."
        code = node.get("error_code") or "failed"
        lines = assertion_lines(node.get("assertions") or [])
        add_problem(case, "failure", str(code), message, lines)
    elif node["status"] != "completed":
        why = (
            node["error_message"] or node.get("skip_reason") or "The node did not run."
        )
        SubElement(case, "skipped", {"message": one_line(why)})
    return case


def add_problem(
    case: Element, tag: str, kind: str, message: Any, lines: Iterable[str] = ()
) -> None:
    problem = SubElement(case, tag, {"type": kind, "message": one_line(message)})
    problem.text = "\n".join([one_line(message), *(line.strip() for line in lines)])


def properties(outcome: Outcome) -> Element:
    element = Element("properties")
    values = {
        "execution_id": outcome.execution_id,
        "flow_id": outcome.flow_id,
        "replayed": "true" if outcome.replayed else "false",
    }
    for name, value in values.items():
        if value:
            SubElement(element, "property", {"name": name, "value": value})
    return element


def counts_of(cases: list[Element]) -> dict[str, str]:
    """Return the attributes that count the cases of a suite."""
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {"tests": len(cases)}
    for name, tag in tags.items():
        counts[name] = sum(case.find(tag) is not None for case in cases)
    return {name: str(count) for name, count in counts.items()}


def totals(suites: list[Element]) -> dict[str, str]:
    """Return the counts of all suites. The root has no attribute for skipped cases."""
    names = ("tests", "failures", "errors")
    return {name: str(sum(int(s.get(name, "0")) for s in suites)) for name in names}


def seconds(duration_ms: Any) -> str:
    """Return a duration in seconds. A runner's value may be anything."""
    if isinstance(duration_ms, bool) or not isinstance(duration_ms, int | float):
        return "0.000"
    if not 0 <= duration_ms < math.inf:
        return "0.000"
    try:
        return f"{duration_ms / 1000:.3f}"
    except OverflowError:
        return "0.000"


def timestamp(started_at: Any) -> str:
    """Return a time in UTC without its zone, which some readers do not accept."""
    try:
        time = datetime.fromisoformat(started_at)
        if time.tzinfo:
            time = time.astimezone(UTC)
    # OverflowError: in UTC the year is not from 1 to 9999.
    except (TypeError, ValueError, OverflowError):
        return ""
    return f"{time:%Y-%m-%dT%H:%M:%S}"


def make_safe(element: Element, settings: Settings) -> None:
    """Remove API keys and characters that XML does not allow."""
    for name, value in element.attrib.items():
        element.set(name, safe(value, settings))
    if element.text:
        element.text = safe(element.text, settings)


def safe(text: str, settings: Settings) -> str:
    return FORBIDDEN.sub("\ufffd", settings.scrub(text))
