"""Secret values for tests, and a search for them in every spelling."""

import base64
import re
from urllib.parse import quote

# The marker that no output may contain. Each secret begins with it.
MARKER = "SECRETMARK"
# Quotes, spaces and non-ASCII characters have many spellings.
ODD_SECRET = f'{MARKER} "s3cret" / & +=\\ é value'
PLAIN_SECRET = f"{MARKER}-0123456789"


def has_secret(text):
    """Return whether the text holds the marker: plain, percent-encoded or in base64."""
    decoded = [text]
    for token in re.findall(r"[A-Za-z0-9+/_-]{8,}={0,2}", text):
        for start in range(4):
            part = token.rstrip("=")[start:]
            part += "=" * (-len(part) % 4)
            try:
                decoded.append(base64.b64decode(part).decode("utf-8", "replace"))
            except ValueError:
                continue
    return any(MARKER in item or quote(ODD_SECRET) in item for item in decoded)
