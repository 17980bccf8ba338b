"""Check the parts of a flow definition against their JSON Schemas.

The schemas are compiled into functions at import. Libraries do not fit: jsonschema takes
ten times as long, and its messages quote values of any length. jsonschema-rs collects all
errors of a value before it returns the first one, which takes seconds for a 1 MiB object of
wrong fields, and it accepts 1.0 as an integer. These checks are generators, so the caller
pays only for the problems that it reports.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from echopoint.core.json_paths import at, quote
from echopoint.flows.definition.schemas import NODE_SCHEMAS, SCHEMAS

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

TYPES = {
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "string": (str, "a string"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
}
TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a decimal number",
    bool: "a boolean",
    type(None): "null",
}

# (keys from the checked value to the wrong field, message)
Flaw = tuple[tuple[str | int, ...], str]
Check = Callable[[object], Iterator[Flaw]]


class Problem(NamedTuple):
    """A wrong field, with a message for the author of the definition."""

    field: str
    message: str


def shape_problems(name: str, value: object, path: str) -> Iterator[Problem]:
    """Yield the differences between the value at `path` and the named schema.

    Nodes inside it may be any value: each is checked with the schema of its type.
    """
    for keys, message in CHECKS[name](value):
        yield Problem(at(path, *keys), message)


def compile_schema(schema: dict) -> Check:
    """Return a function that yields the flaws of a value."""
    checks = [
        KEYWORDS[word](rule) for word, rule in schema.items() if word not in UNCHECKED
    ]

    def check(value):
        for check_item in checks:
            yield from check_item(value)

    return check


def _ref(target: str) -> Check:
    name = target.rpartition("/")[2]
    return compile_schema({} if name == "FlowNode" else SCHEMAS[name])


def _all_of(schemas: list[dict]) -> Check:
    checks = [compile_schema(schema) for schema in schemas]

    def check(value):
        for check_item in checks:
            yield from check_item(value)

    return check


def _type(name: str) -> Check:
    kind, expected = TYPES[name]

    def check(value):
        # In Python, True is an int; in JSON Schema, it is not an integer.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            actual = TYPE_NAMES.get(type(value), type(value).__name__)
            yield (), f"This must be {expected}, not {actual}."

    return check


def _required(names: list[str]) -> Check:
    def check(value):
        if isinstance(value, dict):
            for name in names:
                if name not in value:
                    yield (name,), "This field is missing. Add it."

    return check


def _properties(schemas: dict[str, dict]) -> Check:
    checks = {name: compile_schema(schema) for name, schema in schemas.items()}

    def check(value):
        if isinstance(value, dict):
            for name, check_item in checks.items():
                if name in value:
                    yield from _prepend_key(name, check_item(value[name]))

    return check


def _additional_properties(schema: dict | bool) -> Check:
    check_item = compile_schema({} if schema is True else schema)

    def check(value):
        if isinstance(value, dict):
            for name, item in value.items():
                yield from _prepend_key(name, check_item(item))

    return check


def _items(schema: dict) -> Check:
    check_item = compile_schema(schema)

    def check(value):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _prepend_key(index, check_item(item))

    return check


def _prepend_key(key: str | int, flaws: Iterator[Flaw]) -> Iterator[Flaw]:
    return (((key, *keys), message) for keys, message in flaws)


def _enum(allowed: list[str]) -> Check:
    known = ", ".join(allowed)

    def check(value):
        if isinstance(value, str) and value not in allowed:
            yield (), f'Unknown value "{quote(value)}". Use one of: {known}.'

    return check


def _minimum(least: int) -> Check:
    def check(value):
        if isinstance(value, int) and value < least:
            yield (), f"This must be {least} or more."

    return check


def _min_length(least: int) -> Check:
    def check(value):
        if isinstance(value, str) and len(value) < least:
            yield (), "This must not be empty."

    return check


def _max_length(most: int) -> Check:
    def check(value):
        if isinstance(value, str) and len(value) > most:
            yield (), f"This may have at most {most} characters; it has {len(value)}."

    return check


def _format(name: str) -> Check:
    def check(value):
        # `uri` is not checked: a URL with templates in it is no valid URI.
        if name == "uuid" and isinstance(value, str) and not UUID.fullmatch(value):
            yield (
                (),
                "This must be a UUID, such as 2f1b7a0e-5c52-4d0b-9d4e-0a6f6c1f7d11.",
            )

    return check


KEYWORDS = {
    "$ref": _ref,
    "allOf": _all_of,
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "items": _items,
    "enum": _enum,
    "minimum": _minimum,
    "minLength": _min_length,
    "maxLength": _max_length,
    "format": _format,
}
# Keywords that are annotations or are checked elsewhere: `const` is the node type that
# selected the schema, and `maxItems` does not count the nodes in bodies.
UNCHECKED = {"description", "default", "const", "maxItems"}

CHECKS = {
    name: compile_schema(SCHEMAS[name])
    for name in ("FlowDefinition", "BaseFlowNode", *NODE_SCHEMAS.values())
}
