"""Templates in the texts of a flow, as `{{login.token}}`: where they are, what they name."""

import re
from collections.abc import Iterator

TEMPLATE = re.compile(r"\{\{([^{}]+)\}\}")


def references_in(text: str) -> Iterator[str]:
    """Yield what the templates in a text refer to."""
    return (match[1].strip() for match in TEMPLATE.finditer(text))
