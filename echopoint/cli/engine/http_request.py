"""Make the request of a node: once as it is sent, once as it may be shown."""

import base64
import json
import re
from typing import NamedTuple
from urllib.parse import quote, urlencode

import httpx

from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import Renderer
from echopoint.cli.engine.values import text_of
from echopoint.flow_language.spellings import QUERY
from echopoint.masking.mask import MASK

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.5: no control characters but the tab.
UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FORM = "application/x-www-form-urlencoded"


class Parts(NamedTuple):
    """What the data of a request node say, rendered."""

    method: str
    url: str
    headers: dict[str, str]
    body: object

    @property
    def cookie(self) -> str:
        """The node's own header Cookie, or an empty string."""
        names = [name for name in self.headers if name.lower() == "cookie"]
        return "; ".join(self.headers[name] for name in names)


def render(data: dict, renderer: Renderer) -> Parts:
    """Return the parts, with the query parameters in the URL.

    Of `query_params` and its other spelling `queryParams`, the first wins.
    """
    headers = (data.get("headers") or {}).items()
    ours, other = (data.get(name) or {} for name in QUERY)
    return Parts(
        data["method"],
        _with_query(
            text_of(renderer.render(data["url"])), renderer.render(other | ours)
        ),
        {name: text_of(renderer.render(value)) for name, value in headers},
        renderer.render(data.get("body")),
    )


def _with_query(url: str, params: dict) -> str:
    """Return the URL with these parameters behind those it has.

    A list is the same parameter several times; null is one without a value.
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
    # The mask is to be read in what is shown.
    query = urlencode(pairs, quote_via=quote, safe="*", errors="replace")
    return f"{base}{joint}{query}{mark}{fragment}"


def build(parts: Parts, client: httpx.AsyncClient) -> httpx.Request:
    """Return the request to send; raises NodeFailed for what no request can hold.

    Objects and lists are sent as JSON, and objects as a form where the content type
    says so; a text is sent as it is. A user and password in the URL become a header.
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
    """Return the Authorization for the user and password of a URL."""
    credential = f"{url.username}:{url.password}".encode()
    return f"Basic {base64.b64encode(credential).decode()}"


def _check_framing(headers: httpx.Headers, length: int) -> None:
    """Refuse headers that would say of the body what is not so."""
    if headers.get("content-length", str(length)) != str(length):
        raise _refused(
            f"The header Content-Length is not the body's length, which is {length}. "
            "Remove it: it is set where it is needed."
        )
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise _refused("Of the Transfer-Encoding, only chunked is known. Remove it.")


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
        is_web = url.scheme in ("http", "https") and url.host
    # Invalid IDNA hosts and lone surrogates raise ValueError.
    except (httpx.InvalidURL, ValueError) as error:
        raise _refused(f"The URL is not valid: {error}.") from None
    if not is_web:
        raise _refused(
            f'The URL "{text}" is not one of http:// or https:// with a host. '
            "Check it, and the variables in it."
        )
    if (url.port or 0) > 65_535:
        raise _refused(f"The port of the URL is {url.port}; the last one is 65535.")
    return url


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers without the spaces around them, which are no part of them."""
    for name, value in headers.items():
        if not TOKEN.fullmatch(name):
            raise _refused(f'A header cannot have the name "{name}".')
        if UNSENDABLE.search(value.strip(" \t")) or not _is_encodable(value):
            raise _refused(
                f"The value of the header {name} holds a line break or another "
                "character that no header may have. Check the variables in it."
            )
    return {name: value.strip(" \t") for name, value in headers.items()}


def _content(body: object, kind: str) -> tuple[bytes | None, str | None]:
    """Return the bytes of a body and the content type they have by themselves."""
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
        raise _refused("The body holds half a character, which UTF-8 cannot encode.")
    return text.encode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(message: str) -> NodeFailed:
    return NodeFailed("REQUEST_FAILED", message)


def private_headers(request: httpx.Request, shown: Parts, recorder: Recorder) -> set:
    """Return the names, in small letters, of the headers that hold a secret.

    A user and password in the URL are one, whoever wrote them there.
    """
    public = {name.lower(): value.strip(" \t") for name, value in shown.headers.items()}
    return {
        name
        for name, value in request.headers.multi_items()
        if public.get(name, value) != value
        or (name == "authorization" and name not in public)
        or recorder.mask.hides(value)
    }


def recorded(
    request: httpx.Request, shown: Parts, recorder: Recorder
) -> tuple[set, bool, dict]:
    """Return which headers are private, whether the body is, and the record's fields."""
    private = private_headers(request, shown, recorder)
    is_body_private = recorder.mask.body(request.content) != request.content
    return private, is_body_private, _fields(request, shown, private, recorder)


def _fields(
    request: httpx.Request, shown: Parts, private: set, recorder: Recorder
) -> dict:
    """Return the fields of the record that tell what was sent.

    An Authorization made from a secret is hidden as a whole, and from then on wherever
    it comes back.
    """
    public = {name.lower(): value for name, value in shown.headers.items()}
    headers = {}
    for name, value in request.headers.multi_items():
        if name == "authorization" and name in private:
            scheme, _, credential = value.partition(" ")
            recorder.mask.learn(credential or scheme)
            headers[name] = MASK
        elif name != "host":
            headers[name] = recorder.value(public.get(name, value))
    fields = {"request_headers": headers}
    if shown.body is not None:
        fields["request_body"] = recorder.value(shown.body)
    return fields
