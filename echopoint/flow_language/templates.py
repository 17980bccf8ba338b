"""Templates in the texts of a flow, such as `{{login.token}}`."""

import re
from collections.abc import Iterator

TEMPLATE = re.compile(r"\{\{([^{}]+)\}\}")


def references_in(text: str) -> Iterator[str]:
    """Yield the references of the templates in a text."""
    return (match[1].strip() for match in TEMPLATE.finditer(text))
