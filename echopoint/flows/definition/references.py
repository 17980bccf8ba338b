"""Check the references in the templates of a flow definition, such as `{{login.token}}`."""

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.graph import runs_always
from echopoint.flow_language.templates import references_in
from echopoint.flows.definition.schemas import (
    FOREIGN_FIELD,
    NAMED_OUTPUTS,
    OWN_OUTPUTS,
)
from echopoint.flows.definition.shapes import Problem


def reference_problems(
    nodes: dict[str, dict], is_upstream: Callable[[str, str], bool]
) -> Iterator[Problem]:
    """Yield a problem for each template that reads an output it cannot have.

    `nodes` maps paths to nodes that match their schemas.
    """
    outputs = {node["id"]: _outputs(node) for node in nodes.values()}
    for path, node in nodes.items():
        for where, reference in references(node, path):
            if not (output := source_of(reference, outputs)):
                # It may name an initial input. Those are known only at launch, so refusing
                # the reference here would refuse valid flows.
                continue
            source, key = output
            if not _declares(outputs[source], key):
                yield Problem(where, _undeclared(source, key, outputs[source]))
            elif not _runs_before(source, node, is_upstream):
                yield Problem(where, _not_upstream(source, key))


def references(node: dict, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path of the text, reference) for each template of a node."""
    for where, text in _templates(node, path):
        for reference in references_in(text):
            yield where, reference


def source_of(reference: str, ids: Collection[str]) -> tuple[str, str] | None:
    """Split a reference into (node id, output key); None if it starts with no node id.

    Ids may contain dots. The first dot is tried first, then the others from the last one.
    """
    first = reference.find(".")
    # Ids have at most 255 characters. Without that bound, a reference of a million dots
    # would be sliced a million times.
    dots = [index for index, letter in enumerate(reference[:256]) if letter == "."]
    for index in [first, *reversed(dots)]:
        if reference[:index] in ids and index >= 0 and reference[index + 1 :]:
            return reference[:index], reference[index + 1 :]
    return None


def _runs_before(source: str, node: dict, is_upstream: Callable) -> bool:
    """Whether the source runs before the node; a `run_when: always` node runs after the others."""
    if runs_always(node):
        return source != node["id"]
    return is_upstream(source, node["id"])


def _outputs(node: dict) -> Collection[str]:
    kind, data = node["type"], node["data"]
    listed = [output["name"] for output in node.get("outputs", [])]
    named = data.get(NAMED_OUTPUTS.get(kind), {})
    return dict.fromkeys([*listed, *named, *OWN_OUTPUTS.get(kind, [])])


def _declares(outputs: Collection[str], key: str) -> bool:
    """Whether the key is an output, or a path into its value, such as `user.roles.0`."""
    # The slice bounds the work, as in `source_of`.
    dots = (index for index, letter in enumerate(key[:255]) if letter == ".")
    return key in outputs or any(key[:index] in outputs for index in dots)


def _undeclared(source: str, key: str, outputs: Collection[str]) -> str:
    known = ", ".join(quote(name) for name in islice(outputs, 10)) or "none"
    return (
        f'Node "{quote(source)}" declares no output "{quote(key)}". '
        f"Add it to the outputs of the node, or read a declared one: {known}."
    )


def _not_upstream(source: str, key: str) -> str:
    return (
        f'"{quote(key)}" of node "{quote(source)}" is read here, but no edges lead from '
        "that node to this one. Add an edge, so that it runs first."
    )


def _templates(node: dict, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) for each text of the node that may contain a template."""
    foreign = FOREIGN_FIELD.get(node["type"])
    # The body of a loop or poll is skipped: its references name nodes inside it.
    own = {key: value for key, value in node["data"].items() if key != foreign}
    # A stack, not recursion: a deeply nested request body would raise RecursionError.
    stack = [
        (at(path, "assertions"), node.get("assertions", [])),
        (at(path, "data"), own),
    ]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            yield path, value
        else:
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            # Paths are built only for values that are visited. Otherwise a body with a
            # million numbers would cost a million paths.
            parts = [(at(path, key), item) for key, item in inner if _is_visited(item)]
            stack += reversed(parts)


def _is_visited(value) -> bool:
    if isinstance(value, str):
        return "{{" in value
    return isinstance(value, dict | list)
