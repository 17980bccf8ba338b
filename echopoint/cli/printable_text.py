"""Untrusted text, made safe to print."""

import unicodedata
from typing import Any

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def one_line(text: Any) -> str:
    """Return the text on one line that is safe in a terminal and in a CI log.

    A control character could rewrite the screen. GitHub's runner executes `##[` as a
    command anywhere in a line.
    """
    shown = " ".join(str(text).split())
    shown = "".join("�" if unicodedata.category(c) in INVISIBLE else c for c in shown)
    return shown.replace("##[", "## [")
