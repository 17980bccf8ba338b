"""Paths in a JSON value, for error messages: `nodes[2].data.url`."""

MAX_QUOTE = 60
MAX_PATH = 500


def at(path: str, *keys: str | int) -> str:
    """Append keys and indexes to a path. A long path is not extended."""
    for key in keys:
        if len(path) > MAX_PATH:
            break
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            path += f".{quote(key)}" if path else quote(key)
    return path


def quote(text: str) -> str:
    """Shorten the text and replace characters that cannot be printed or encoded."""
    if len(text) > MAX_QUOTE:
        text = text[: MAX_QUOTE - 1] + "…"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
