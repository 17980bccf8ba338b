"""The paths in a JSON value, as messages say them: `nodes[2].data.url`."""

MAX_QUOTE = 60
MAX_PATH = 500


def at(path: str, *keys: str | int) -> str:
    """Return the path of what these keys lead to, from what is at `path`."""
    for key in keys:
        if len(path) > MAX_PATH:
            break
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            path += f".{quote(key)}" if path else quote(key)
    return path


def quote(text: str) -> str:
    """Return the text as a message may hold it: short, and sure to be encodable."""
    if len(text) > MAX_QUOTE:
        text = text[: MAX_QUOTE - 1] + "…"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
