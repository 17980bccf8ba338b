"""Check what a flow definition calls things: seen by all, and no secret.

What a flow sends and compares is a payload: any text but a key, which belongs in a
secret variable. Names are shown, so they hold no part of a secret either. The ids of
edges and their handles are made by editors of what they join, and may be random.
"""

from collections.abc import Iterator

from echopoint.core.json_paths import at
from echopoint.core.names import LOOKS_LIKE_A_KEY, complaint
from echopoint.core.redaction import holds_a_secret, keys_in
from echopoint.flows.definition.schemas import NAMED_OUTPUTS
from echopoint.flows.definition.shapes import Problem


def key_problems(definition: object) -> Iterator[Problem]:
    """Yield where there is a key, whatever it is there for."""
    for path in keys_in(definition):
        yield Problem(path, LOOKS_LIKE_A_KEY)


def name_problems(definition: dict) -> Iterator[Problem]:
    """Yield what the flow itself is called that it cannot be; its shape is right."""
    yield from _seen(definition, "name", "")
    yield from _no_secrets(definition, ("description", "version"), "")


def node_name_problems(node: dict, path: str) -> Iterator[Problem]:
    """Yield what a node, or something of it, is called that it cannot be."""
    yield from _seen(node, "display_name", path)
    yield from _no_secrets(node, ("id",), path)
    data = ("title", "item_var", "index_var")
    yield from _no_secrets(node["data"], data, at(path, "data"))
    for place, output in enumerate(node.get("outputs", [])):
        yield from _no_secrets(output, ("name",), at(path, "outputs", place))
    # Other types may have any field in their data, one without a name too.
    field = NAMED_OUTPUTS.get(node["type"])
    if field and any(map(holds_a_secret, node["data"].get(field, {}))):
        yield Problem(at(path, "data", field), LOOKS_LIKE_A_KEY)


def _seen(holder: dict, field: str, path: str) -> Iterator[Problem]:
    if message := complaint(holder[field]):
        yield Problem(at(path, field), message)


def _no_secrets(holder: dict, fields: tuple, path: str) -> Iterator[Problem]:
    for field in fields:
        text = holder.get(field, "")
        # Editors may keep anything in the fields that no schema has.
        if isinstance(text, str) and holds_a_secret(text):
            yield Problem(at(path, field), LOOKS_LIKE_A_KEY)
