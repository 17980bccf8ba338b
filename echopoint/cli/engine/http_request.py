"""Build the request of a node, and describe it for the result."""

import base64
import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx

from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import Renderer
from echopoint.cli.engine.values import text_of
from echopoint.flow_language.field_aliases import QUERY
from echopoint.masking.mask import MASK

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.5: no control characters but the tab.
UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FORM = "application/x-www-form-urlencoded"


class Parts(NamedTuple):
    """The rendered data of a request node."""

    method: str
    url: str
    headers: dict[str, str]
    body: object

    @property
    def cookie(self) -> str:
        """The node's own header Cookie, or an empty string."""
        names = [name for name in self.headers if name.lower() == "cookie"]
        return "; ".join(self.headers[name] for name in names)


def render(data: dict[str, Any], renderer: Renderer) -> Parts:
    """Render the data of a node, with the query parameters appended to the URL.

    `query_params` takes precedence over its alias `queryParams`.
    """
    headers = (data.get("headers") or {}).items()
    ours, other = (data.get(name) or {} for name in QUERY)
    return Parts(
        data["method"],
        _with_query(
            text_of(renderer.render(data["url"])), renderer.render_object(other | ours)
        ),
        {name: text_of(renderer.render(value)) for name, value in headers},
        renderer.render(data.get("body")),
    )


def _with_query(url: str, params: dict[str, Any]) -> str:
    """Append the parameters to the query of the URL.

    A list repeats the parameter; null is a parameter with an empty value.
    """
    pairs = [
        (name, text_of(item))
        for name, value in params.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    if not pairs:
        return url
    base, mark, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    # `*` is safe, so that masks stay readable.
    query = urlencode(pairs, quote_via=quote, safe="*", errors="replace")
    return f"{base}{joint}{query}{mark}{fragment}"


def build(parts: Parts, client: httpx.AsyncClient) -> httpx.Request:
    """Return the request to send; raises NodeFailed if HTTP cannot represent it.

    Objects and lists are sent as JSON, objects as a form if the content type says so, and
    texts unchanged. User and password in the URL become an Authorization header.
    """
    headers = _headers(parts.headers)
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    content, kind = _content(parts.body, kinds[0] if kinds else "")
    if kind and not kinds:
        headers["Content-Type"] = kind
    url = _url(parts.url)
    if url.userinfo:
        if not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = basic(url)
        url = url.copy_with(userinfo=b"")
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = client.build_request(parts.method, url, headers=encoded, content=content)
    _check_framing(request.headers, len(content or b""))
    return request


def basic(url: httpx.URL) -> str:
    """Return the Authorization header for the user and password of a URL."""
    credential = f"{url.username}:{url.password}".encode()
    return f"Basic {base64.b64encode(credential).decode()}"


def _check_framing(headers: httpx.Headers, length: int) -> None:
    """Refuse headers that contradict the body."""
    if headers.get("content-length", str(length)) != str(length):
        raise _invalid_request(
            f"The header Content-Length is not the body's length, which is {length}. "
            "Remove it: it is added automatically."
        )
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise _invalid_request(
            "Only chunked is supported as Transfer-Encoding. Remove it."
        )


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
        is_web = url.scheme in ("http", "https") and url.host
    # Invalid IDNA hosts and lone surrogates raise ValueError.
    except (httpx.InvalidURL, ValueError) as error:
        raise _invalid_request(f"The URL is not valid: {error}.") from None
    if not is_web:
        raise _invalid_request(
            f'The URL "{text}" does not start with http:// or https:// and a host. '
            "Check it, and the variables in it."
        )
    if (url.port or 0) > 65_535:
        raise _invalid_request(
            f"The port of the URL is {url.port}; the maximum is 65535."
        )
    return url


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """Validate the headers and strip whitespace around their values."""
    for name, value in headers.items():
        if not TOKEN.fullmatch(name):
            raise _invalid_request(f'A header cannot have the name "{name}".')
        if UNSENDABLE.search(value.strip(" \t")) or not _is_encodable(value):
            raise _invalid_request(
                f"The value of the header {name} contains a line break or another "
                "character that headers must not contain. Check the variables in it."
            )
    return {name: value.strip(" \t") for name, value in headers.items()}


def _content(body: object, kind: str) -> tuple[bytes | None, str | None]:
    """Return the bytes of a body and their default content type."""
    if body is None:
        return None, None
    if isinstance(body, str):
        return _encoded(body), "text/plain; charset=utf-8"
    if isinstance(body, dict) and kind.partition(";")[0].strip().lower() == FORM:
        pairs = [
            (name, text_of(item))
            for name, value in body.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        return urlencode(pairs, errors="replace").encode(), None
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _encoded(text), "application/json"


def _encoded(text: str) -> bytes:
    if not _is_encodable(text):
        raise _invalid_request(
            "The body contains a lone surrogate, which UTF-8 cannot encode."
        )
    return text.encode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid_request(message: str) -> NodeFailed:
    return NodeFailed("REQUEST_FAILED", message)


def private_headers(
    request: httpx.Request, masked: Parts, recorder: Recorder
) -> set[str]:
    """Return the names, in lower case, of the headers that contain a secret.

    User and password in the URL always count as a secret.
    """
    public = {
        name.lower(): value.strip(" \t") for name, value in masked.headers.items()
    }
    return {
        name
        for name, value in request.headers.multi_items()
        if public.get(name, value) != value
        or (name == "authorization" and name not in public)
        or recorder.mask.hides(value)
    }


def describe(
    request: httpx.Request, masked: Parts, recorder: Recorder
) -> tuple[set[str], bool, dict[str, Any]]:
    """Return the names of private headers, whether the body is private, and result fields."""
    private = private_headers(request, masked, recorder)
    is_body_private = recorder.mask.body(request.content) != request.content
    return private, is_body_private, _request_fields(request, masked, private, recorder)


def _request_fields(
    request: httpx.Request, masked: Parts, private: set[str], recorder: Recorder
) -> dict[str, Any]:
    """Return the result fields of the request.

    An Authorization header with a secret is masked completely, and the mask learns it, so
    that it is masked in responses as well.
    """
    public = {name.lower(): value for name, value in masked.headers.items()}
    headers: dict[str, Any] = {}
    for name, value in request.headers.multi_items():
        if name == "authorization" and name in private:
            scheme, _, credential = value.partition(" ")
            recorder.mask.learn(credential or scheme)
            headers[name] = MASK
        elif name != "host":
            headers[name] = recorder.value(public.get(name, value))
    fields: dict[str, Any] = {"request_headers": headers}
    if masked.body is not None:
        fields["request_body"] = recorder.value(masked.body)
    return fields
