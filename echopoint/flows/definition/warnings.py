"""Warnings about parts of a flow definition that not every engine supports.

There are two engines: the `echopoint` command and the public runner. The runner refuses a
whole flow for parts that the command tolerates. Validation refuses what neither supports.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.graph import runs_always
from echopoint.flows.definition.bodies import FlowBody, bodies_of, field_of, with_paths
from echopoint.flows.definition.references import references, source_of

# Codes for programs. They are part of the API and stay the same; messages may change.
NEEDS_COMMAND = "NEEDS_COMMAND"
DOTTED_NODE_ID = "DOTTED_NODE_ID"
LISTED_BEFORE_SOURCE = "LISTED_BEFORE_SOURCE"
NEEDS_RUNNER = "NEEDS_RUNNER"
SPELLINGS_DIFFER = "SPELLINGS_DIFFER"
UNKNOWN_DYNAMIC_VARIABLE = "UNKNOWN_DYNAMIC_VARIABLE"
UNKNOWN_INPUT = "UNKNOWN_INPUT"
CODES = [
    (DOTTED_NODE_ID, "A template reads a node whose id contains a dot."),
    (LISTED_BEFORE_SOURCE, "A node is listed before one that it reads."),
    (
        NEEDS_COMMAND,
        "Only the engine of the echopoint command supports a part of the flow.",
    ),
    (
        NEEDS_RUNNER,
        "The engine of the echopoint command does not support a part of the flow.",
    ),
    (
        SPELLINGS_DIFFER,
        "A field was sent under both of its names, with different values.",
    ),
    (
        UNKNOWN_DYNAMIC_VARIABLE,
        "A template begins with $ but is not a dynamic variable.",
    ),
    (UNKNOWN_INPUT, "A template names a variable that does not exist yet."),
]

MAX_WARNINGS = 50
# Node types that the engine of the command runs; a test compares them with that engine.
BUILT_IN_NODES = {"request", "delay", "set_variable", "assert"}
# Operators and extractors that the public runner does not support.
COMMAND_OPERATORS = {"exists", "notExists"}
COMMAND_EXTRACTORS = {"xmlPath"}


class FlowWarning(NamedTuple):
    """A part that some engine does not support: a code for programs, a text for people."""

    code: str
    message: str
    field: str


def warnings_of(definition: dict, inputs: Collection[str]) -> list[FlowWarning]:
    """Return at most MAX_WARNINGS warnings of a valid definition.

    `inputs` are the names of all variables available at launch.
    """
    warnings = {}
    for warning in _warnings(definition, inputs):
        # Report each message once, at its first place: a flow can repeat it in each node.
        warnings.setdefault(warning[:2], warning)
        if len(warnings) == MAX_WARNINGS:
            break
    return list(warnings.values())


def _warnings(definition: dict, inputs: Collection[str]) -> Iterator[FlowWarning]:
    for body in bodies_of(definition):
        yield from _body_warnings(body, inputs)


def _body_warnings(body: FlowBody, inputs: Collection[str]) -> Iterator[FlowWarning]:
    positions = {node["id"]: index for index, node in enumerate(body.nodes)}
    for path, node in with_paths(body.nodes, at(body.path, "nodes")):
        yield from _runner_warnings(node, path)
        yield from _command_warnings(node, path)
        for where, reference in references(node, path):
            if reference.startswith("$"):
                yield from _dynamic_warnings(reference, where)
            elif output := source_of(reference, positions):
                yield from _source_warnings(node, output[0], positions, where)
            elif reference.partition(".")[0] not in body.inputs:
                yield from _input_warnings(reference, inputs, where)


def _runner_warnings(node: dict, path: str) -> Iterator[FlowWarning]:
    kind = node["type"]
    if kind not in BUILT_IN_NODES:
        part = f"nodes of type {kind}"
        yield FlowWarning(NEEDS_RUNNER, _needs_runner(part), at(path, "type"))


def _command_warnings(node: dict, path: str) -> Iterator[FlowWarning]:
    if field_of(node["data"], "follow_redirects", bool) is False:
        field = at(path, "data", "follow_redirects")
        yield _needs_command("follow_redirects: false", field)
    for where, output in with_paths(node.get("outputs", []), at(path, "outputs")):
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
    yield from with_paths(node.get("assertions", []), at(path, "assertions"))
    cases = node["data"]["cases"] if node["type"] == "branch" else []
    for where, case in with_paths(cases, at(path, "data", "cases")):
        yield at(where, "when"), case["when"]


def _needs_command(part: str, field: str) -> FlowWarning:
    message = (
        f"The public runner does not support {part}. Run this flow with the echopoint "
        "command."
    )
    return FlowWarning(NEEDS_COMMAND, message, field)


def _needs_runner(part: str) -> str:
    return (
        f"The engine of the echopoint command does not run {part}. Run this flow on a "
        "self-hosted runner, or pass a runner to the command with --runner-binary."
    )


def _dynamic_warnings(reference: str, field: str) -> Iterator[FlowWarning]:
    # Unknown names in the syntax of dynamic variables are refused by validation. Other
    # text after $, such as {{$5.00}}, is only warned about.
    if not is_dynamic(reference):
        message = (
            f'"{{{{{quote(reference)}}}}}" is not a dynamic variable: the echopoint command '
            "leaves it unchanged, and a runner fails the node. Write it without braces, or "
            "use a variable."
        )
        yield FlowWarning(UNKNOWN_DYNAMIC_VARIABLE, message, field)


def _source_warnings(
    node: dict, source: str, positions: dict[str, int], field: str
) -> Iterator[FlowWarning]:
    if "." in source:
        message = (
            f"Runners end the id of a node at the first dot, so they find no node for "
            f'"{quote(source)}". Give the node an id without dots.'
        )
        yield FlowWarning(DOTTED_NODE_ID, message, field)
    # Runners do not check the references of nodes that always run.
    if positions[source] > positions[node["id"]] and not runs_always(node):
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
            f'No variable{node} is named "{quote(name)}" at present. A runner refuses the '
            "flow without it, and the echopoint command leaves the template unchanged. "
            "Set the variable, or pass it in the module node that calls this flow."
        )
        yield FlowWarning(UNKNOWN_INPUT, message, field)
