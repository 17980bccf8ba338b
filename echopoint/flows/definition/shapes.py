"""Check the parts of a flow definition against their JSON Schemas, in plain words.

The schemas are turned into functions when this is imported. The jsonschema package
takes ten times as long, and its messages repeat the whole of a value, however long.
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
FOUND = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a decimal number",
    bool: "a boolean",
    type(None): "null",
}

# What is wrong, and the keys that lead to it from the value looked at.
Flaw = tuple[tuple[str | int, ...], str]
Check = Callable[[object], Iterator[Flaw]]


class Problem(NamedTuple):
    """What is wrong with one field, in words for whoever wrote the definition."""

    field: str
    message: str


def shape_problems(name: str, value: object, path: str) -> Iterator[Problem]:
    """Yield where the value at `path` departs from the schema of that name.

    The nodes in it are taken for anything: each is checked by the schema of its type.
    """
    for keys, message in CHECKS[name](value):
        yield Problem(at(path, *keys), message)


def compiled(schema: dict) -> Check:
    """Return the function that checks a value against the schema."""
    checks = [
        KEYWORDS[word](rule) for word, rule in schema.items() if word not in NOTES
    ]

    def check(value):
        for one in checks:
            yield from one(value)

    return check


def _ref(target: str) -> Check:
    name = target.rpartition("/")[2]
    return compiled({} if name == "FlowNode" else SCHEMAS[name])


def _all_of(schemas: list[dict]) -> Check:
    checks = [compiled(schema) for schema in schemas]

    def check(value):
        for one in checks:
            yield from one(value)

    return check


def _type(name: str) -> Check:
    kind, expected = TYPES[name]

    def check(value):
        # To Python, a boolean is an integer too.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = FOUND.get(type(value), type(value).__name__)
            yield (), f"This must be {expected}, not {found}."

    return check


def _required(names: list[str]) -> Check:
    def check(value):
        if isinstance(value, dict):
            for name in names:
                if name not in value:
                    yield (name,), "This field is missing. Add it."

    return check


def _properties(schemas: dict[str, dict]) -> Check:
    checks = {name: compiled(schema) for name, schema in schemas.items()}

    def check(value):
        if isinstance(value, dict):
            for name, one in checks.items():
                if name in value:
                    yield from _under(name, one(value[name]))

    return check


def _additional_properties(schema: dict | bool) -> Check:
    one = compiled({} if schema is True else schema)

    def check(value):
        if isinstance(value, dict):
            for name, item in value.items():
                yield from _under(name, one(item))

    return check


def _items(schema: dict) -> Check:
    one = compiled(schema)

    def check(value):
        if isinstance(value, list):
            for place, item in enumerate(value):
                yield from _under(place, one(item))

    return check


def _under(key: str | int, flaws: Iterator[Flaw]) -> Iterator[Flaw]:
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
            yield (), f"This may have {most} characters at most; it has {len(value)}."

    return check


def _format(name: str) -> Check:
    def check(value):
        # A `uri` is let pass: what templates leave of one is none.
        if name == "uuid" and isinstance(value, str) and not UUID.fullmatch(value):
            yield (), "This must be a UUID, as 2f1b7a0e-5c52-4d0b-9d4e-0a6f6c1f7d11 is."

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
# Say nothing of a value, or what is checked elsewhere: `const` is the type by which
# the schema was chosen, `maxItems` counts in the nodes of bodies.
NOTES = {"description", "default", "const", "maxItems"}

CHECKS = {
    name: compiled(SCHEMAS[name])
    for name in ("FlowDefinition", "BaseFlowNode", *NODE_SCHEMAS.values())
}
