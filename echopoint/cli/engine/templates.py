"""Templates: what stands between `{{` and `}}` is replaced by the value it names."""

import re
from collections.abc import Callable, Iterator

from echopoint.cli.engine.dynamic_variables import Draws
from echopoint.cli.engine.values import text_of
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.templates import TEMPLATE, references_in

# As the whole of a text, three braces keep the type of the value.
TYPED = re.compile(r"\{\{\{([^{}]+)\}\}\}")
# What one node may render: a definition can name a long value a hundred thousand times.
MAX_RENDERED = 10 * 1024 * 1024  # characters
MAX_REFERENCE = 1000  # characters
MISSING = object()


class Unresolved(str):
    """The text of one whole template that names nothing: it stays, but stands for nothing."""


Lookup = Callable[[str], object]


class TooLong(ValueError):
    """The rendered values are longer than MAX_RENDERED together."""


class Scope:
    """What templates can read: the initial inputs, and the outputs of nodes that ran.

    `{{name}}` is an input, `{{node.key}}` an output. Either may lead on into the value,
    field by field and by index from 0: `{{login.user.roles.0}}`. Names may have dots
    in them: the longest that is known is taken. Of a node that ran, only outputs are
    read, even where an input has such a name.
    """

    def __init__(self, inputs: dict):
        self.inputs = inputs
        self.nodes: set[str] = set()
        self.outputs: dict[str, object] = {}

    def add(self, node_id: str, outputs: dict) -> None:
        """Let the nodes that follow read these outputs."""
        self.nodes.add(node_id)
        self.outputs |= {f"{node_id}.{key}": value for key, value in outputs.items()}

    def find(self, reference: str) -> object:
        """Return the value that a reference names, or MISSING."""
        if len(reference) > MAX_REFERENCE:
            return MISSING
        found = _find(self.outputs, reference)
        if found is MISSING and not self._speaks_of_a_node(reference):
            found = _find(self.inputs, reference)
        return found

    def _speaks_of_a_node(self, reference: str) -> bool:
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

    A rendered value is never rendered again: what a service answers is no template.
    Names of fields, headers and parameters are taken as they are written. A reference
    that names nothing stays as it is written, and is in `missing`.
    """

    def __init__(self, lookup: Lookup, draws: Draws):
        self.lookup = lookup
        self.draws = draws
        self.drawn = 0
        self.left = MAX_RENDERED
        self.missing: dict[str, None] = {}  # in the order in which they were met

    def render(self, value: object) -> object:
        """Return the value with the templates in all its texts replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.render(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.render(item) for item in value]
        return value

    def text(self, text: str) -> object:
        """Return a text rendered; of one whole `{{{reference}}}`, the value itself."""
        if match := TYPED.fullmatch(text):
            value = self._value(match[1].strip())
            if value is not MISSING:
                self._count(text_of(value))
                return value
            return Unresolved(text)
        rendered = TEMPLATE.sub(self._replacement, text)
        return Unresolved(rendered) if self._is_unresolved(text) else rendered

    def _is_unresolved(self, text: str) -> bool:
        """Whether this is one whole template, and what it reads is not known."""
        match = TEMPLATE.fullmatch(text.strip())
        if not match or is_dynamic(match[1].strip()):
            return False
        value = self.lookup(match[1].strip())
        return value is MISSING or isinstance(value, Unresolved)

    def _replacement(self, match: re.Match) -> str:
        value = self._value(match[1].strip())
        return self._count(match[0] if value is MISSING else text_of(value))

    def _value(self, reference: str) -> object:
        if is_dynamic(reference):
            self.drawn += 1
            return self.draws.at(self.drawn - 1, reference)
        value = self.lookup(reference)
        if value is MISSING:
            self.missing[reference] = None
        return value

    def _count(self, text: str) -> str:
        self.left -= len(text)
        if self.left < 0:
            raise TooLong(
                f"The templates of this node make more than {MAX_RENDERED // 2**20} MiB "
                "of text. Read shorter values in it."
            )
        return text


def references(value: object) -> Iterator[str]:
    """Yield what the templates in a value refer to, some perhaps more than once."""
    if isinstance(value, str):
        yield from references_in(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)
