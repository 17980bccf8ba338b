"""Converts a received request to columns: storable text without API keys."""

import base64
import re
from urllib.parse import parse_qsl

from django.conf import settings
from rest_framework.exceptions import ParseError

from echopoint.api.exceptions import PayloadTooLarge
from echopoint.core.client_address import address
from echopoint.core.header_lines import HEADER_LINES
from echopoint.core.redaction import redact
from echopoint.webhooks.decoding import DecodingState, decode

# NUL, and surrogate escapes of bytes that are not UTF-8 (PEP 383).
UNSTORABLE = re.compile(r"[\x00\udc80-\udcff]")
# Percent-encoded characters of API keys. Encoding them is legal but needless (RFC 3986,
# section 2.3), so a key could hide from redaction this way.
ENCODED_LETTER = re.compile("%(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")
ORIGIN = re.compile("[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")


def columns_of(request, subpath):
    """Return the columns of a request; `subpath` is the path after the webhook id."""
    headers, repeated_headers = headers_of(request)
    params = parameters(request)
    return {
        "method": request.method,
        "path": clean_text(subpath),
        "raw_path": raw_path(request),
        "raw_query": raw_address_part(request.META.get("QUERY_STRING", "")),
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
    """Return (headers, headers with several values); the latter is None if unknown."""
    headers = {n: header_value(n, value) for n, value in request.headers.items()}
    lines = request.META.get(HEADER_LINES)
    if lines is None:
        return headers, None
    lines_by_name = {}
    for name, value in lines:
        name = name.title()
        lines_by_name.setdefault(clean_text(name), []).append(header_value(name, value))
    # WSGI drops headers with an underscore: their names would collide with those that
    # have a hyphen.
    underscored = {
        name: ",".join(lines_by_name[name]) for name in lines_by_name if "_" in name
    }
    return headers | underscored, repeated(lines_by_name)


def header_value(name, value):
    value = decode_clean(value)
    return without_sessions(value) if name == "Cookie" else value


def repeated(values):
    """Return the names with more than one value."""
    return {name: several for name, several in values.items() if len(several) > 1}


def parameters(request):
    """Return the values of each query parameter."""
    params = {}
    query = decode_wsgi(request.META.get("QUERY_STRING", ""))
    for name, value in parse_qsl(query, keep_blank_values=True):
        params.setdefault(clean_text(name), []).append(clean_text(value))
    return params


def raw_path(request):
    """Return the path with its percent-encoding, or None if the server does not pass it.

    The request target is in RAW_URI (gunicorn) or REQUEST_URI (other servers). It is an
    absolute URL if the client treats this site as a proxy.
    """
    target = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not target:
        return None
    origin = ORIGIN.match(target)
    return raw_address_part(target[origin.end() if origin else 0 :].partition("?")[0])


def raw_address_part(encoded):
    """Return a part of the URL unchanged, or decoded and redacted if it contains a key."""
    text = decode_clean(encoded)
    letters = ENCODED_LETTER.sub(lambda match: chr(int(match[1], 16)), text)
    redacted = redact(letters)
    return text if redacted == letters else redacted


def body_columns(raw, headers):
    """Return the columns of a body: as received, and decoded if that differs.

    A body is stored only if it was searched for API keys in every encoding that its headers
    name. Otherwise the bytes are withheld, and the decoded text is stored.
    """
    body, is_base64 = body_text(raw)
    columns = {"body": body, "body_is_base64": is_base64}
    result = decoded_body(raw, headers)
    if result is None:
        return (
            withheld_columns("", DecodingState.WITHHELD)
            if contains_key_with_zeros(raw)
            else columns
        )
    is_text = result.state in {DecodingState.COMPLETE, DecodingState.CUT}
    # Redaction of `body` covers plain text, even if the headers claim an encoding.
    is_searched = result.is_read or not is_base64
    has_encoded_key = result.data != raw and contains_key(result.data)
    if not is_searched or has_encoded_key or contains_key_with_zeros(raw):
        return withheld_columns(
            result.text, result.state if is_text else DecodingState.WITHHELD
        )
    if result.text == body:
        return columns
    text = clean_text(result.text) if is_text else ""
    return columns | {"body_decoded": text, "body_decoding": result.state}


def decoded_body(raw, headers):
    """Decode the body; drop the text if it contains a key that redaction cannot find."""
    sent_as = (headers.get("Content-Encoding", ""), headers.get("Content-Type", ""))
    result = decode(raw, *sent_as, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if result and contains_key(result.data) and not has_key(result.text):
        # For example ASCII decoded as UTF-16: the key is not visible in the text, but
        # encoding the text again would reveal it.
        return result._replace(text="", state=DecodingState.FAILED)
    return result


def withheld_columns(text, state):
    """Return the columns of a body of which only the decoded text is stored."""
    return {"body": clean_text(text), "body_is_base64": False, "body_decoding": state}


def contains_key(data):
    """Whether the bytes contain an API key in ASCII, UTF-16 or UTF-32."""
    return has_key(data.decode("latin-1")) or contains_key_with_zeros(data)


def contains_key_with_zeros(data):
    """Whether the bytes contain a key with zero bytes between its characters (UTF-16)."""
    return has_key(redact(data.decode("latin-1")).replace("\x00", ""))


def has_key(text):
    return redact(text) != text


def read_body(request):
    """Return the whole body; raise PayloadTooLarge, or ParseError if it is incomplete."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or ""
    length = int(length) if length.isdecimal() else 0
    if length > limit:
        raise PayloadTooLarge(limit)
    try:
        body = request.read()
    except OSError:  # the client disconnected
        body = b""
    if len(body) < length:
        raise ParseError("The body ended too early. Send it again.")
    return body


def body_text(body):
    """Return (text, whether it is base64) for the bytes of a body."""
    text = redact(body.decode(errors="surrogateescape"))
    if UNSTORABLE.search(text):
        redacted = text.encode(errors="surrogateescape")
        return base64.b64encode(redacted).decode(), True
    return text, False


def without_sessions(cookies):
    """Remove the values of this site's own cookies from a Cookie header.

    The browser of a member who opens the URL of a webhook sends them. With the captured
    session cookie, every reader of the request could act as that member.
    """
    own = "|".join(
        re.escape(name)
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    )
    return re.sub(rf"((?:^|[;,])\s*(?:{own})\s*=)[^;,]*", r"\1…", cookies)


def decode_clean(text):
    """Decode a WSGI string to storable text without API keys."""
    return clean_text(decode_wsgi(text))


def clean_text(text):
    """Return storable text without API keys."""
    return redact(text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def decode_wsgi(text):
    """Decode a WSGI string as UTF-8, or as Latin-1 if it is not UTF-8 (PEP 3333)."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
