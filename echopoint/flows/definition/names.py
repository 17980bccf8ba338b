"""Check the names in a flow definition, and that no text in it contains an API key.

Values that a flow sends or compares may be any text except an API key, which belongs in a
secret variable. Names are displayed, so they must not contain part of a secret either.
Edge ids and handles are not checked as names: editors generate them, possibly at random.
"""

from collections.abc import Iterator

from echopoint.core.json_paths import at
from echopoint.core.names import LOOKS_LIKE_A_KEY, name_error
from echopoint.core.redaction import holds_a_secret, keys_in
from echopoint.flows.definition.schemas import NAMED_OUTPUTS
from echopoint.flows.definition.shapes import Problem


def key_problems(definition: object) -> Iterator[Problem]:
    """Yield a problem for each API key, in any field."""
    for path in keys_in(definition):
        yield Problem(path, LOOKS_LIKE_A_KEY)


def name_problems(definition: dict) -> Iterator[Problem]:
    """Check the names of the flow itself, which already matches its schema."""
    yield from _displayed_name_problems(definition, "name", "")
    yield from _secret_problems(definition, ("description", "version"), "")


def node_name_problems(node: dict, path: str) -> Iterator[Problem]:
    """Check the names of a node and of its parts."""
    yield from _displayed_name_problems(node, "display_name", path)
    yield from _secret_problems(node, ("id",), path)
    data = ("title", "item_var", "index_var")
    yield from _secret_problems(node["data"], data, at(path, "data"))
    for index, output in enumerate(node.get("outputs", [])):
        yield from _secret_problems(output, ("name",), at(path, "outputs", index))
    # Only some types name outputs in `data`. Do not default to a field name such as "" for
    # the others: their `data` may have a field of any name, with content of any type.
    field = NAMED_OUTPUTS.get(node["type"])
    if field and any(map(holds_a_secret, node["data"].get(field, {}))):
        yield Problem(at(path, "data", field), LOOKS_LIKE_A_KEY)


def _displayed_name_problems(holder: dict, field: str, path: str) -> Iterator[Problem]:
    if message := name_error(holder[field]):
        yield Problem(at(path, field), message)


def _secret_problems(holder: dict, fields: tuple, path: str) -> Iterator[Problem]:
    for field in fields:
        text = holder.get(field, "")
        # Fields without a schema, such as `title`, may hold any JSON value.
        if isinstance(text, str) and holds_a_secret(text):
            yield Problem(at(path, field), LOOKS_LIKE_A_KEY)
