"""Render templates: replace `{{reference}}` by the value of the reference."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from echopoint.cli.engine.dynamic_variables import GeneratedValues
from echopoint.cli.engine.values import text_of
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.templates import TEMPLATE, references_in

# A text that is only `{{{reference}}}` keeps the type of the value.
TYPED = re.compile(r"\{\{\{([^{}]+)\}\}\}")
# Limit per node: a definition can repeat a long value a hundred thousand times.
MAX_RENDERED = 10 * 1024 * 1024  # characters
MAX_REFERENCE = 1000  # characters
MISSING = object()


class Unresolved(str):
    """A text that is one template whose reference is unknown, so it has no value."""


Lookup = Callable[[str], object]


class TooLong(ValueError):
    """The rendered values of a node exceed MAX_RENDERED in total."""


class TemplateVariables:
    """Values that templates can refer to: initial inputs, and outputs of earlier nodes.

    `{{name}}` is an input, `{{node.key}}` an output. Both can be followed by field names
    and indexes from 0: `{{login.user.roles.0}}`. Names may contain dots; the longest known
    name wins. After a node has run, references to it never fall back to an input.
    """

    def __init__(self, inputs: dict[str, Any]):
        self.inputs = inputs
        self.nodes: set[str] = set()
        self.outputs: dict[str, object] = {}

    def add(self, node_id: str, outputs: dict[str, Any]) -> None:
        """Make the outputs of a node available to later nodes."""
        self.nodes.add(node_id)
        self.outputs |= {f"{node_id}.{key}": value for key, value in outputs.items()}

    def find(self, reference: str) -> object:
        """Return the value of a reference, or MISSING."""
        if len(reference) > MAX_REFERENCE:
            return MISSING
        found = _find(self.outputs, reference)
        if found is MISSING and not self._names_executed_node(reference):
            found = _find(self.inputs, reference)
        return found

    def _names_executed_node(self, reference: str) -> bool:
        source, dot, _ = reference.partition(".")
        return bool(dot) and source in self.nodes


def _find(known: dict[str, object], reference: str) -> object:
    parts = reference.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in known:
            return _walk(known[name], parts[length:])
    return MISSING


def _walk(value: object, steps: list[str]) -> object:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _is_index(step, len(value)):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _is_index(step: str, length: int) -> bool:
    return step.isascii() and step.isdecimal() and len(step) < 10 and int(step) < length


class Renderer:
    """Renders the templates of one node.

    Rendered values are not rendered again: a response of a service is not a template.
    Names of fields, headers and parameters are not rendered. An unknown reference stays
    unchanged and is added to `missing`.
    """

    def __init__(self, lookup: Lookup, generated: GeneratedValues):
        self.lookup = lookup
        self.generated = generated
        self.drawn = 0
        self.left = MAX_RENDERED
        self.missing: dict[str, None] = {}  # an ordered set

    def render(self, value: object) -> object:
        """Render all texts in a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self.render_object(value)
        if isinstance(value, list):
            return [self.render(item) for item in value]
        return value

    def render_object(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.render(item) for name, item in values.items()}

    def text(self, text: str) -> object:
        """Render a text; a text that is only `{{{reference}}}` becomes the value itself."""
        if match := TYPED.fullmatch(text):
            value = self._value(match[1].strip())
            if value is not MISSING:
                self._count(text_of(value))
                return value
            return Unresolved(text)
        rendered = TEMPLATE.sub(self._replacement, text)
        return Unresolved(rendered) if self._is_unresolved(text) else rendered

    def _is_unresolved(self, text: str) -> bool:
        """Return True if the text is only one template with an unknown reference."""
        match = TEMPLATE.fullmatch(text.strip())
        if not match or is_dynamic(match[1].strip()):
            return False
        value = self.lookup(match[1].strip())
        return value is MISSING or isinstance(value, Unresolved)

    def _replacement(self, match: re.Match[str]) -> str:
        value = self._value(match[1].strip())
        return self._count(match[0] if value is MISSING else text_of(value))

    def _value(self, reference: str) -> object:
        if is_dynamic(reference):
            self.drawn += 1
            return self.generated.at(self.drawn - 1, reference)
        value = self.lookup(reference)
        if value is MISSING:
            self.missing[reference] = None
        return value

    def _count(self, text: str) -> str:
        self.left -= len(text)
        if self.left < 0:
            raise TooLong(
                f"The templates of this node render to more than "
                f"{MAX_RENDERED // 2**20} MiB of text. Use shorter values."
            )
        return text


def references(value: object) -> Iterator[str]:
    """Yield the references of all templates in a value, with duplicates."""
    if isinstance(value, str):
        yield from references_in(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)
