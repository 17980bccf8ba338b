"""Formats in which clients write a text, each with its decoder, independent of the code."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from hypothesis import strategies as st

LETTERS = st.one_of(
    st.sampled_from("\"'\\/<>&+ %=?#:;@,.-_~!$()[]{}\n\r\t\x7f\u2028\u2029éüßł€日🔑"),
    st.sampled_from("abcdefnrtuxABCDEFZ0123456789"),
    st.characters(exclude_categories=["Cs"], exclude_characters="*\0"),
)
# Masks consist of stars, so stars have a separate test.
SECRETS = st.text(LETTERS, min_size=4, max_size=40)
LONG_SECRETS = st.builds(lambda text: text * (1200 // len(text) + 1), SECRETS)
AROUND = st.text(LETTERS, max_size=12)


def replaced(pattern, new):
    return lambda text: re.sub(pattern, new, text)


def units(letter, form):
    """Return a letter in UTF-16 escapes."""
    data = letter.encode("utf-16-be")
    return "".join(
        "\\u" + format(int.from_bytes(data[place : place + 2], "big"), form)
        for place in range(0, len(data), 2)
    )


def go_json(text):
    """Write as encoding/json does: `<`, `>`, `&` and two line ends by number."""
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(
        named[letter]
        if letter in named
        else units(letter, "04x")
        if letter in "<>&\u2028\u2029" or letter < " "
        else letter
        for letter in text
    )


def upper_json(text):
    """Write as .NET does: everything but letters and digits by number."""
    return "".join(
        letter if letter.isascii() and letter.isalnum() else units(letter, "04X")
        for letter in text
    )


def json_text(text):
    return json.dumps(text)[1:-1]


def raw_json(text):
    return json.dumps(text, ensure_ascii=False)[1:-1]


def php_json(text):
    return json_text(text).replace("/", "\\/")


def from_json(text):
    """Read JSON; a mask may stand where it breaks an escape, so also read bit by bit."""
    try:
        return json.loads(f'"{text}"', strict=False)
    except ValueError:
        return re.sub(r'(?:\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])+', from_escapes, text)


def from_escapes(match):
    return json.loads(f'"{match[0]}"')


def go_html(text):
    for letter, entity in (
        ("&", "&amp;"), ("'", "&#39;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"),
    ):  # fmt: skip
        text = text.replace(letter, entity)
    return text


def xml(text):
    return go_html(text).replace("&#39;", "&apos;").replace("&#34;", "&quot;")


def numbered(form):
    def write(text):
        return "".join(
            letter
            if letter.isascii() and letter.isalnum()
            else form.format(ord(letter))
            for letter in text
        )

    return write


def unhtml(text):
    """Read entities; `html.unescape` takes numbers of controls for Windows-1252."""
    text = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), text)
    text = re.sub(r"&#[xX]([0-9a-fA-F]+);", lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"&(?:amp|lt|gt|quot|apos);", lambda m: html.unescape(m[0]), text)


def url(safe):
    return lambda text: quote(text, safe=safe)


def lower_url(text):
    return re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe=""))


def as_latin(text):
    return text.encode().decode("latin-1")


def from_latin(text):
    return text.encode("latin-1", errors="replace").decode(errors="replace")


def as_windows(text):
    return "".join(
        bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)
        for byte in text.encode()
    )


def from_windows(text):
    data = b"".join(
        letter.encode("cp1252", errors="ignore")
        or letter.encode("latin-1", errors="replace")
        for letter in text
    )
    return data.decode(errors="replace")


WAYS = {
    "as it is": (str, str),
    "json": (json_text, from_json),
    "json, raw": (raw_json, from_json),
    "json of Go": (go_json, from_json),
    "json of PHP": (php_json, from_json),
    "json, upper": (upper_json, from_json),
    "html": (html.escape, unhtml),
    "html of Go": (go_html, unhtml),
    "xml": (xml, unhtml),
    "html, decimal": (numbered("&#{};"), unhtml),
    "html, hex": (numbered("&#x{:x};"), unhtml),
    "html, HEX": (numbered("&#X{:04X};"), unhtml),
    "url": (url(""), unquote),
    "url, lower": (lower_url, unquote),
    "form": (quote_plus, unquote_plus),
    "path of Go": (url("$&+:=@"), unquote),
    "path": (url("/:@!$&'()*+,;="), unquote),
    "query of a browser": (url("!$&'()*+,/:;=?@[]"), unquote),
    "header": (replaced(r'(["\\])', r"\\\1"), replaced(r'\\(["\\])', r"\1")),
    "latin-1": (as_latin, from_latin),
    "windows-1252": (as_windows, from_windows),
}
TABLE = {
    "standard": base64.b64encode,
    "url-safe": base64.urlsafe_b64encode,
    "no padding": lambda data: base64.b64encode(data).rstrip(b"="),
    "url-safe, no padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
}


# These escape every character.
EVERY_LETTER = {
    "url": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "json": lambda text: "".join(units(letter, "04x") for letter in text),
    "html": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
}


def from_base64(text):
    """Return what the pieces of base64 in a text say, read from any place."""
    said = []
    for token in re.findall("[A-Za-z0-9+/_-]{4,}", text):
        token = token.translate(str.maketrans("-_", "+/"))
        for start in range(4):
            piece = token[start:]
            piece += "A" * (-len(piece) % 4)
            said.append(base64.b64decode(piece).decode(errors="replace"))
    return "\n".join(said)
