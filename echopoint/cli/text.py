"""Text of others, made fit to be shown."""

import unicodedata
from typing import Any

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def one_line(text: Any) -> str:
    """Return text of others fit for a line of a terminal or of a CI log.

    A control character could rewrite the screen, and `##[` is a command to GitHub's
    runner wherever it stands in a line.
    """
    shown = " ".join(str(text).split())
    shown = "".join("�" if unicodedata.category(c) in UNSEEN else c for c in shown)
    return shown.replace("##[", "## [")
