"""XPath 1.0 on XML responses.

Documents are untrusted: entities are not expanded and nothing is fetched.
"""

import math
from collections.abc import Iterator
from typing import Any

from lxml import etree

from echopoint.cli.engine.exceptions import Absent, NothingFound

MAX_MATCHES = 100_000
MAX_LENGTH = 10 * 1024 * 1024  # characters of all matches
# Prefix for the default namespace of the root: XPath 1.0 requires one.
DEFAULT_PREFIX = "ns"


def find(path: str, document: bytes) -> object:
    """Return the value at the path; several matches are a list.

    The value of an element is its text, or its XML if it has child elements; the value of
    an attribute is its text. Namespace prefixes are those of the root element. Raises
    NothingFound, and Absent if there is no match.
    """
    try:
        root = etree.fromstring(document, parser=_parser())
        # EXSLT regular expressions are off: their run time has no bound.
        xpath = etree.XPath(path, namespaces=_prefixes(root), regexp=False)
        found = xpath(root)
    except (etree.XMLSyntaxError, etree.ParserError) as error:
        raise NothingFound(f"the body is not XML that can be read: {error}") from None
    except (etree.XPathError, ValueError, TypeError) as error:
        raise NothingFound(f"the path {path} cannot be followed: {error}") from None
    if isinstance(found, float) and not math.isfinite(found):
        raise NothingFound(f"the path {path} gives no number")
    if not isinstance(found, list):
        return str(found) if isinstance(found, str) else found
    if not found:
        raise Absent(f"nothing is at the path {path}")
    if len(found) > MAX_MATCHES:
        raise NothingFound(f"the path {path} has more than {MAX_MATCHES} matches")
    values = list(_values_of(found, path))
    return values[0] if len(values) == 1 else values


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )


def _prefixes(root: etree._Element) -> dict[str, str]:
    return {prefix or DEFAULT_PREFIX: uri for prefix, uri in root.nsmap.items()}


def _values_of(found: list[Any], path: str) -> Iterator[object]:
    """Yield the values of the matches. Nested matches repeat text, so the sum is bounded."""
    left = MAX_LENGTH
    for match in found:
        value = _value_of(match)
        left -= len(value)
        if left < 0:
            raise NothingFound(f"the path {path} finds too much")
        yield value


def _value_of(match: object) -> str | list[Any]:
    if not isinstance(match, etree._Element):
        return list(match) if isinstance(match, tuple) else str(match)
    if len(match):
        return str(etree.tostring(match, encoding="unicode", with_tail=False))
    return str(match.text or "")
