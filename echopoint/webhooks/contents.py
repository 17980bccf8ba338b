"""What is kept of a request: text that the databases can hold, without keys."""

import base64
import re
from urllib.parse import parse_qsl

from django.conf import settings
from rest_framework.exceptions import ParseError

from echopoint.api.exceptions import PayloadTooLarge
from echopoint.core.client_address import address
from echopoint.core.header_lines import HEADER_LINES
from echopoint.core.redaction import redact
from echopoint.webhooks.decoding import State, decode

# NUL, and what stands for bytes that are not UTF-8 (PEP 383).
UNSTORABLE = re.compile(r"[\x00\udc80-\udcff]")
# Letters that a key can have, which nobody needs to encode (RFC 3986, section 2.3).
ENCODED_LETTER = re.compile("%(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")
ORIGIN = re.compile("[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")


def contents(request, below):
    """Return the columns of a request; `below` is its path after the webhook's id."""
    headers, repeated_headers = headers_of(request)
    params = parameters(request)
    return {
        "method": request.method,
        "path": clean(below),
        "raw_path": raw_path(request),
        "raw_query": as_sent(request.META.get("QUERY_STRING", "")),
        "headers": headers,
        "repeated_headers": repeated_headers,
        "query_params": {name: ", ".join(values) for name, values in params.items()},
        "repeated_params": repeated(params),
        **body_columns(read_body(request), headers),
        "content_type": headers.get("Content-Type", ""),
        "user_agent": headers.get("User-Agent", ""),
        "ip_address": address(request) or "",
    }


def headers_of(request):
    """Return (headers, those that came several times, None where that is not known)."""
    headers = {n: header_value(n, value) for n, value in request.headers.items()}
    lines = request.META.get(HEADER_LINES)
    if lines is None:
        return headers, None
    sent = {}
    for name, value in lines:
        name = name.title()
        sent.setdefault(clean(name), []).append(header_value(name, value))
    # WSGI has no name for them.
    underscored = {name: ",".join(sent[name]) for name in sent if "_" in name}
    return headers | underscored, repeated(sent)


def header_value(name, value):
    value = storable(value)
    return without_sessions(value) if name == "Cookie" else value


def repeated(values):
    """Return only the names with several values."""
    return {name: several for name, several in values.items() if len(several) > 1}


def parameters(request):
    """Return the values of each parameter of the query."""
    params = {}
    query = decoded(request.META.get("QUERY_STRING", ""))
    for name, value in parse_qsl(query, keep_blank_values=True):
        params.setdefault(clean(name), []).append(clean(value))
    return params


def raw_path(request):
    """Return the path with its percent-encoding, or None where the server keeps none.

    gunicorn names the target of the request RAW_URI, other servers REQUEST_URI. It is
    an absolute address when the client takes this site for a proxy.
    """
    target = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not target:
        return None
    origin = ORIGIN.match(target)
    return as_sent(target[origin.end() if origin else 0 :].partition("?")[0])


def as_sent(encoded):
    """Return a part of the address as it came, unless there is a key in it."""
    text = storable(encoded)
    letters = ENCODED_LETTER.sub(lambda match: chr(int(match[1], 16)), text)
    cleaned = redact(letters)
    return text if cleaned == letters else cleaned


def body_columns(raw, headers):
    """Return the columns of a body: as it came, and decoded where that differs."""
    body, is_base64 = body_text(raw)
    columns = {"body": body, "body_is_base64": is_base64}
    result = decoded_body(raw, headers)
    if result is None:
        return withheld("", State.WITHHELD) if hides_a_key(raw) else columns
    is_text = result.state in {State.COMPLETE, State.CUT}
    # Text can be searched as it came, whatever its headers say.
    is_searched = result.is_read or not is_base64
    has_encoded_key = result.data != raw and holds_a_key(result.data)
    if not is_searched or has_encoded_key or hides_a_key(raw):
        return withheld(result.text, result.state if is_text else State.WITHHELD)
    if result.text == body:
        return columns
    text = clean(result.text) if is_text else ""
    return columns | {"body_decoded": text, "body_decoding": result.state}


def decoded_body(raw, headers):
    """Return the body decoded, without its text where that holds a key in other letters."""
    sent_as = (headers.get("Content-Encoding", ""), headers.get("Content-Type", ""))
    result = decode(raw, *sent_as, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if result and holds_a_key(result.data) and not has_key(result.text):
        # ASCII that was read as UTF-16, say: it can be read back.
        return result._replace(text="", state=State.FAILED)
    return result


def withheld(text, state):
    """Return the columns of a body that is stored only as the text that was decoded."""
    return {"body": clean(text), "body_is_base64": False, "body_decoding": state}


def holds_a_key(data):
    """Whether there is a key in the bytes, in ASCII, UTF-16 or UTF-32."""
    return has_key(data.decode("latin-1")) or hides_a_key(data)


def hides_a_key(data):
    """Whether there is a key in the bytes that `body_text` does not find: with zeros."""
    return has_key(redact(data.decode("latin-1")).replace("\x00", ""))


def has_key(text):
    return redact(text) != text


def read_body(request):
    """Return the whole body, or raise when it is too large or ends too early."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or ""
    length = int(length) if length.isdecimal() else 0
    if length > limit:
        raise PayloadTooLarge(limit)
    try:
        body = request.read()
    except OSError:  # the client went away
        body = b""
    if len(body) < length:
        raise ParseError("The body ended too early. Send it again.")
    return body


def body_text(body):
    """Return (text, whether it is base64) for the bytes of a body."""
    text = redact(body.decode(errors="surrogateescape"))
    if UNSTORABLE.search(text):
        clean = text.encode(errors="surrogateescape")
        return base64.b64encode(clean).decode(), True
    return text, False


def without_sessions(cookies):
    """Return a Cookie header without the values of our own cookies.

    A member who opens a webhook's address in a browser sends them along, and whoever
    reads the captured request could go on as that member.
    """
    own = "|".join(
        re.escape(name)
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    )
    return re.sub(rf"((?:^|[;,])\s*(?:{own})\s*=)[^;,]*", r"\1…", cookies)


def storable(text):
    """Return a WSGI string as text that the databases can hold, without keys."""
    return clean(decoded(text))


def clean(text):
    """Return text that the databases can hold, without keys."""
    return redact(text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def decoded(text):
    """Return a WSGI string as UTF-8 where it is that, else as Latin-1 (PEP 3333)."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
