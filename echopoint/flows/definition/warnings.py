"""Tell where only some of the engines run a flow definition as it is meant.

There are two: the one in the `echopoint` command, and that of the public runner, which
refuses a whole flow for what the other bears. What neither runs is refused instead.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.order import runs_always
from echopoint.flows.definition.bodies import Scope, each, get, scopes_of
from echopoint.flows.definition.references import references, source_of

# The codes of all warnings, for programs: they stay, whatever the messages say.
NEEDS_COMMAND = "NEEDS_COMMAND"
DOTTED_NODE_ID = "DOTTED_NODE_ID"
LISTED_BEFORE_SOURCE = "LISTED_BEFORE_SOURCE"
NEEDS_RUNNER = "NEEDS_RUNNER"
SPELLINGS_DIFFER = "SPELLINGS_DIFFER"
UNKNOWN_DYNAMIC_VARIABLE = "UNKNOWN_DYNAMIC_VARIABLE"
UNKNOWN_INPUT = "UNKNOWN_INPUT"
CODES = [
    (DOTTED_NODE_ID, "A template reads a node whose id has a dot in it."),
    (LISTED_BEFORE_SOURCE, "A node is listed before one that it reads."),
    (
        NEEDS_COMMAND,
        "Only the engine of the echopoint command runs a part of the flow.",
    ),
    (
        NEEDS_RUNNER,
        "The engine of the echopoint command does not run a part of the flow.",
    ),
    (
        SPELLINGS_DIFFER,
        "A field was sent under both of its names, with different values.",
    ),
    (UNKNOWN_DYNAMIC_VARIABLE, "A template begins with $ and is no dynamic variable."),
    (UNKNOWN_INPUT, "A template names a variable that there is not, as yet."),
]

MAX_WARNINGS = 50
# What the engine of the command runs; a test compares it with that engine.
BUILT_IN_NODES = {"request", "delay", "set_variable", "assert"}
# What the public runner does not know.
COMMAND_OPERATORS = {"exists", "notExists"}
COMMAND_EXTRACTORS = {"xmlPath"}


class FlowWarning(NamedTuple):
    """What only some engines run: a code for programs, and words for people."""

    code: str
    message: str
    field: str


def warnings_of(definition: dict, inputs: Collection[str]) -> list[FlowWarning]:
    """Return the first MAX_WARNINGS warnings of a sound definition.

    `inputs` are the names of all variables that the flow could be launched with.
    """
    found = {}
    for warning in _warnings(definition, inputs):
        # Once is enough of the same thing: the first place counts.
        found.setdefault(warning[:2], warning)
        if len(found) == MAX_WARNINGS:
            break
    return list(found.values())


def _warnings(definition: dict, inputs: Collection[str]) -> Iterator[FlowWarning]:
    for scope in scopes_of(definition):
        yield from _scope_warnings(scope, inputs)


def _scope_warnings(scope: Scope, inputs: Collection[str]) -> Iterator[FlowWarning]:
    places = {node["id"]: place for place, node in enumerate(scope.nodes)}
    for path, node in each(scope.nodes, at(scope.path, "nodes")):
        yield from _runner_warnings(node, path)
        yield from _command_warnings(node, path)
        for where, reference in references(node, path):
            if reference.startswith("$"):
                yield from _dynamic_warnings(reference, where)
            elif found := source_of(reference, places):
                yield from _source_warnings(node, found[0], places, where)
            elif reference.partition(".")[0] not in scope.inputs:
                yield from _input_warnings(reference, inputs, where)


def _runner_warnings(node: dict, path: str) -> Iterator[FlowWarning]:
    kind = node["type"]
    if kind not in BUILT_IN_NODES:
        what = f"nodes of type {kind}"
        yield FlowWarning(NEEDS_RUNNER, _needs_runner(what), at(path, "type"))


def _command_warnings(node: dict, path: str) -> Iterator[FlowWarning]:
    if get(node["data"], "follow_redirects", bool) is False:
        field = at(path, "data", "follow_redirects")
        yield _needs_command("follow_redirects: false", field)
    for where, output in each(node.get("outputs", []), at(path, "outputs")):
        if (kind := output["extractor"]["type"]) in COMMAND_EXTRACTORS:
            field = at(where, "extractor", "type")
            yield _needs_command(f"the extractor {kind}", field)
    for where, assertion in _assertions(node, path):
        if (kind := assertion["extractor_type"]) in COMMAND_EXTRACTORS:
            field = at(where, "extractor_type")
            yield _needs_command(f"the extractor {kind}", field)
        if (operator := assertion["operator_type"]) in COMMAND_OPERATORS:
            field = at(where, "operator_type")
            yield _needs_command(f"the operator {operator}", field)


def _assertions(node: dict, path: str) -> Iterator[tuple[str, dict]]:
    yield from each(node.get("assertions", []), at(path, "assertions"))
    cases = node["data"]["cases"] if node["type"] == "branch" else []
    for where, case in each(cases, at(path, "data", "cases")):
        yield at(where, "when"), case["when"]


def _needs_command(what: str, field: str) -> FlowWarning:
    message = (
        f"The public runner does not know {what}. Run this flow with the echopoint "
        "command."
    )
    return FlowWarning(NEEDS_COMMAND, message, field)


def _needs_runner(what: str) -> str:
    return (
        f"The engine of the echopoint command does not run {what}. Run this flow on a "
        "self-hosted runner, or give the command one with --runner-binary."
    )


def _dynamic_warnings(reference: str, field: str) -> Iterator[FlowWarning]:
    # Of names that could be one, those that are none are refused.
    if not is_dynamic(reference):
        message = (
            f'"{{{{{quote(reference)}}}}}" is no dynamic variable: the echopoint command '
            "leaves it as it is, and a runner fails the node. Write it without braces, or "
            "use a variable."
        )
        yield FlowWarning(UNKNOWN_DYNAMIC_VARIABLE, message, field)


def _source_warnings(
    node: dict, source: str, places: dict[str, int], field: str
) -> Iterator[FlowWarning]:
    if "." in source:
        message = (
            f"Runners take the id of a node to end at the first dot, so they find no "
            f'node for "{quote(source)}". Give the node an id without dots.'
        )
        yield FlowWarning(DOTTED_NODE_ID, message, field)
    # Runners do not look for what a node reads that always runs.
    if places[source] > places[node["id"]] and not runs_always(node):
        message = (
            f'Runners read the nodes from the top of the list, where "{quote(source)}" '
            f'comes after "{quote(node["id"])}", which reads it. List it first.'
        )
        yield FlowWarning(LISTED_BEFORE_SOURCE, message, field)


def _input_warnings(
    reference: str, inputs: Collection[str], field: str
) -> Iterator[FlowWarning]:
    name, dot, _ = reference.partition(".")
    if name not in inputs:
        node = " and no node" if dot else ""
        message = (
            f'No variable{node} is called "{quote(name)}" now. A runner refuses the flow '
            "without it, and the echopoint command leaves the template as it is. Set "
            "the variable, or let the module node that calls this flow give it."
        )
        yield FlowWarning(UNKNOWN_INPUT, message, field)
