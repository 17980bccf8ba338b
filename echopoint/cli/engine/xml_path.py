"""XPath 1.0 on XML that services answer.

Entities are not expanded and nothing is fetched: a document is somebody else's text.
"""

import math
from collections.abc import Iterator

from lxml import etree

from echopoint.cli.engine.exceptions import Absent, NothingFound

MAX_MATCHES = 100_000
MAX_LENGTH = 10 * 1024 * 1024  # characters of all matches
# A prefix for the default namespace of the root, which XPath 1.0 has no name for.
DEFAULT_PREFIX = "ns"


def find(path: str, document: bytes) -> object:
    """Return what is at the path: one match as it is, several as a list.

    An element is its text, or its XML if it holds others; an attribute is its value.
    Prefixes are those of the root element. Raises NothingFound, and Absent for no match.
    """
    try:
        root = etree.fromstring(document, parser=_parser())
        # Without EXSLT's regular expressions, which can take for ever.
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


def _values_of(found: list, path: str) -> Iterator[object]:
    """Yield the values of the matches, which may lie in each other, up to a bound."""
    left = MAX_LENGTH
    for match in found:
        value = _value_of(match)
        left -= len(value)
        if left < 0:
            raise NothingFound(f"the path {path} finds too much")
        yield value


def _value_of(match: object) -> object:
    if not isinstance(match, etree._Element):
        return list(match) if isinstance(match, tuple) else str(match)
    if len(match):
        return etree.tostring(match, encoding="unicode", with_tail=False)
    return match.text or ""
