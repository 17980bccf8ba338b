"""Check what the templates of a flow definition, as `{{login.token}}`, refer to."""

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from echopoint.core.json_paths import at, quote
from echopoint.flow_language.order import runs_always
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
    """Yield the templates that read what a node beside them cannot give.

    The nodes are given by their paths, and are right in shape.
    """
    outputs = {node["id"]: _outputs(node) for node in nodes.values()}
    for path, node in nodes.items():
        for where, reference in references(node, path):
            if not (found := source_of(reference, outputs)):
                # It may be that of an initial input, which the launch decides on.
                continue
            source, key = found
            if not _declares(outputs[source], key):
                yield Problem(where, _undeclared(source, key, outputs[source]))
            elif not _runs_before(source, node, is_upstream):
                yield Problem(where, _not_upstream(source, key))


def references(node: dict, path: str) -> Iterator[tuple[str, str]]:
    """Yield what the templates of a node refer to, each with the path of its text."""
    for where, text in _templates(node, path):
        for reference in references_in(text):
            yield where, reference


def source_of(reference: str, ids: Collection[str]) -> tuple[str, str] | None:
    """Return the node that a reference reads, and what it reads of it, or None.

    The id ends at the first dot, or at the last one that makes an id of a node.
    """
    first = reference.find(".")
    dots = [place for place, letter in enumerate(reference[:256]) if letter == "."]
    for place in [first, *reversed(dots)]:
        if reference[:place] in ids and place >= 0 and reference[place + 1 :]:
            return reference[:place], reference[place + 1 :]
    return None


def _runs_before(source: str, node: dict, is_upstream: Callable) -> bool:
    """Whether a node has run when this one does; those that always run come last."""
    if runs_always(node):
        return source != node["id"]
    return is_upstream(source, node["id"])


def _outputs(node: dict) -> Collection[str]:
    kind, data = node["type"], node["data"]
    listed = [output["name"] for output in node.get("outputs", [])]
    named = data.get(NAMED_OUTPUTS.get(kind), {})
    return dict.fromkeys([*listed, *named, *OWN_OUTPUTS.get(kind, [])])


def _declares(outputs: Collection[str], key: str) -> bool:
    """Whether the key is an output, or leads into its value as `user.roles.0` does."""
    dots = (place for place, letter in enumerate(key[:255]) if letter == ".")
    return key in outputs or any(key[:place] in outputs for place in dots)


def _undeclared(source: str, key: str, outputs: Collection[str]) -> str:
    known = ", ".join(quote(name) for name in islice(outputs, 10)) or "none"
    return (
        f'Node "{quote(source)}" declares no output "{quote(key)}". '
        f"Add it to its outputs, or read one of those it declares: {known}."
    )


def _not_upstream(source: str, key: str) -> str:
    return (
        f'"{quote(key)}" of node "{quote(source)}" is read here, but no edges lead from '
        "that node to this one. Add them, so that it runs first."
    )


def _templates(node: dict, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text of the node that may hold a template, with its path."""
    foreign = FOREIGN_FIELD.get(node["type"])
    own = {key: value for key, value in node["data"].items() if key != foreign}
    # No recursion: a request body may be nested as deep as JSON goes.
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
            found = [(at(path, key), item) for key, item in inner if _may_hold(item)]
            stack += reversed(found)


def _may_hold(value) -> bool:
    if isinstance(value, str):
        return "{{" in value
    return isinstance(value, dict | list)
