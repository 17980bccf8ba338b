"""Extract values for assertions and outputs from a node."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from iregexp_check import check
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction

from echopoint.cli.engine import bounded_regex
from echopoint.cli.engine.exceptions import Absent, NothingFound
from echopoint.cli.engine.templates import Unresolved
from echopoint.cli.engine.values import parse_json, text_of
from echopoint.flow_language.field_aliases import HEADER

JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json|text/json", re.IGNORECASE)
# Matches per path.
MAX_MATCHES = 100_000


class Matches(list[object]):
    """Several matches of a path, as opposed to one match that is a list."""


class Source:
    """The value of a node that sends no request."""

    def __init__(self, value: object):
        self.value = value

    def body(self) -> object:
        return self.value

    def json(self) -> object:
        """Return the value for a JSONPath; text that contains JSON is parsed."""
        if isinstance(self.value, str):
            try:
                return parse_json(self.value)
            except ValueError:
                return self.value
        return self.value

    def xml(self) -> bytes:
        """Return the document for an XPath."""
        if isinstance(self.value, Unresolved):
            raise Absent(f"nothing is known as {self.value}")
        return text_of(self.value).encode(errors="replace")

    def status(self) -> int:
        raise NothingFound("only a request node has a status code")

    def header(self, name: str) -> str:
        raise NothingFound("only a request node has headers")


class NodeResponse(Source):
    """The response of a service: status, headers as (name, value), and the decoded body.

    `notes` say where the body contradicts the headers.
    """

    def __init__(
        self,
        status: int,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        notes: Iterable[str] = (),
    ):
        self.notes = list(notes)
        self.status_code = status
        self.headers = list(headers)
        self.content = body

    @cached_property
    def content_type(self) -> str:
        return next(self._named("content-type"), "")

    @property
    def is_json(self) -> bool:
        kind = self.content_type.partition(";")[0].strip()
        return bool(JSON_TYPE.fullmatch(kind))

    @cached_property
    def text(self) -> str:
        """Decode the body in the charset of its Content-Type, or else in UTF-8.

        A byte order mark at the start is removed.
        """
        charset = re.search(r"charset=\"?([\w.:-]+)", self.content_type, re.IGNORECASE)
        name = charset[1] if charset else "utf-8"
        try:
            text = self.content.decode(name)
        # Some codecs of Python return bytes or raise other errors than UnicodeError.
        except Exception:  # noqa: BLE001 - any error means that it is not text
            text = self.content.decode(errors="replace")
            if charset:
                self.notes.append(
                    f'The body is not text in "{name[:40]}", as its Content-Type says.'
                    " It was read as UTF-8, with � for invalid bytes."
                )
        return text.removeprefix("\ufeff")

    @cached_property
    def parsed(self) -> object:
        """Parse the body as JSON; raises ValueError with the reason."""
        return parse_json(self.text)

    def body(self) -> object:
        return self.json() if self.is_json and self.content else self.text

    def json(self) -> object:
        try:
            return self.parsed
        except ValueError as error:
            raise NothingFound(f"the body is not valid JSON: {error}") from None

    def xml(self) -> bytes:
        return self.content

    def status(self) -> int:
        return self.status_code

    def header(self, name: str) -> str:
        for value in self._named(name):
            return value
        raise Absent(f'the response has no header "{name}"')

    def header_values(self, name: str) -> list[str]:
        return list(self._named(name))

    def _named(self, name: str) -> Iterator[str]:
        return (value for key, value in self.headers if key.lower() == name.lower())


def is_resolved(value: object) -> bool:
    """Return False if every extracted value is an unresolved template."""
    found = value if isinstance(value, Matches) else [value]
    return not all(isinstance(match, Unresolved) for match in found)


def extract(kind: str, data: dict[str, Any], source: Source) -> object:
    """Apply an extractor to a source; raises NothingFound."""
    return EXTRACTORS[kind](source, data)


def _find(path: str, value: Any) -> object:
    """Return the value at the path; several matches are a list."""
    found = []
    try:
        for node in ENVIRONMENT.finditer(path, value):
            found.append(node.value)
            if len(found) > MAX_MATCHES:
                raise NothingFound(
                    f"the path {path} has more than {MAX_MATCHES} matches"
                )
    except (JSONPathError, bounded_regex.BadPattern, RecursionError) as error:
        raise NothingFound(f"the path {path} cannot be followed: {error}") from None
    if not found:
        raise Absent(f"nothing is at the path {path}")
    return found[0] if len(found) == 1 else Matches(found)


# I-Regexp (RFC 9485): skips escapes and classes; matches the remaining dots, which RFC
# 9485 defines as [^\n\r].
DOT = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|\.")


class _Matching(FilterFunction):
    """match() or search() of RFC 9535 with RE2: the library's can take unlimited time."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]
    return_type = ExpressionType.LOGICAL

    def __init__(self, matches: Callable[[str, str], bool]):
        self.matches = matches

    def __call__(self, text: object, pattern: object) -> bool:
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        if not check(pattern):
            return False
        return self.matches(DOT.sub(lambda dot: dot[1] or r"[^\n\r]", pattern), text)


ENVIRONMENT = JSONPathEnvironment()
ENVIRONMENT.function_extensions |= {
    "match": _Matching(bounded_regex.fullmatch),
    "search": _Matching(bounded_regex.search),
}


def _header(source: Source, data: dict[str, Any]) -> str:
    ours, other = HEADER
    return source.header(data.get(ours) or data.get(other) or "")


def _xml(source: Source, data: dict[str, Any]) -> object:
    # Imported on first use: most flows have no XML.
    from echopoint.cli.engine import xml_path

    return xml_path.find(data.get("path") or "", source.xml())


EXTRACTORS: dict[str, Callable[[Source, dict[str, Any]], object]] = {
    "jsonPath": lambda source, data: _find(data.get("path") or "", source.json()),
    "xmlPath": _xml,
    "statusCode": lambda source, data: source.status(),
    "header": _header,
    "body": lambda source, data: source.body(),
}
