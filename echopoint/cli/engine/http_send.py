"""Send a request, follow its redirects, and read the answer within bounds."""

import asyncio
import logging
from importlib.metadata import PackageNotFoundError, version

import httpx

from echopoint.cli.engine.decoding import BadEncoding, TooLarge, decode
from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.extractors import Answer
from echopoint.cli.engine.http_errors import failure_of
from echopoint.cli.network import Tls, Transport

MAX_BODY = 10 * 1024 * 1024  # bytes, as sent and as decoded
MAX_REDIRECTS = 10
DEFAULT_TIMEOUT = 30_000  # milliseconds
# Whatever they hold, these are for one origin only.
ALWAYS_PRIVATE = {"authorization", "cookie", "proxy-authorization"}


def silence() -> None:
    """Keep httpx and httpcore from logging URLs and headers, at any level."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def new_client(tls: Tls) -> httpx.AsyncClient:
    """Return a client that takes its proxies from the environment.

    It keeps no connection open: one that the service closes meanwhile would fail the
    next node for nothing.
    """
    try:
        release = version("echopoint")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        release = "dev"
    return httpx.AsyncClient(
        follow_redirects=False,
        headers={
            "User-Agent": f"echopoint-cli/{release}",
            "Accept-Encoding": "gzip, deflate, br, zstd",
        },
        transport=Transport(httpx.Limits(max_keepalive_connections=0), tls),
        # There is one deadline for all of a request, in send().
        timeout=httpx.Timeout(None),
    )


async def send(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    timeout: int,
    private: set[str],
    is_body_private: bool,
    follow: bool = True,
) -> Answer:
    """Return the answer; raises NodeFailed with the code that tells the reason.

    `timeout` is in milliseconds, 0 the default, and is for everything: from the name
    of the host to the last byte of the last redirect. `private` are the headers that
    are not sent to another origin. Unless `follow`, a redirect is the answer.
    """
    timeout = timeout or DEFAULT_TIMEOUT
    try:
        async with asyncio.timeout(timeout / 1000):
            if not follow:
                response = await client.send(request, stream=True)
                return await _taken(response)
            return await _follow(client, request, private, is_body_private)
    except TimeoutError:
        raise NodeFailed(
            "REQUEST_TIMEOUT", f"There was no complete answer within {timeout} ms."
        ) from None
    except NodeFailed:
        raise
    except Exception as error:  # noqa: BLE001 - a service can redirect to anything
        raise failure_of(error) from None


async def _taken(response: httpx.Response) -> Answer:
    try:
        return await _read(response)
    finally:
        await response.aclose()


async def _follow(
    client: httpx.AsyncClient,
    request: httpx.Request,
    private: set[str],
    is_body_private: bool,
) -> Answer:
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True)
        if response.next_request is None:
            return await _taken(response)
        await response.aclose()
        request = _redirected(request, response.next_request, private, is_body_private)
    raise NodeFailed(
        "REQUEST_FAILED",
        f"There were more than {MAX_REDIRECTS} redirects. Check where the URL leads.",
    )


def _redirected(
    before: httpx.Request,
    after: httpx.Request,
    private: set[str],
    is_body_private: bool,
) -> httpx.Request:
    """Return the next request, without what is not meant for its origin."""
    if after.url.scheme not in ("http", "https"):
        raise NodeFailed("REQUEST_FAILED", "The redirect leads to no http(s) URL.")
    if _origin(before.url) == _origin(after.url):
        # httpx drops the cookies that a node has set for itself.
        if "cookie" in before.headers and "cookie" not in after.headers:
            after.headers["cookie"] = before.headers["cookie"]
        return after
    for name in private | ALWAYS_PRIVATE:
        after.headers.pop(name, None)
    # Where the method becomes GET, httpx has left the body out.
    if is_body_private and (after.method == before.method or after.method != "GET"):
        raise NodeFailed(
            "REQUEST_FAILED",
            "The redirect would send a secret in the body to another origin. "
            "Use the URL it leads to, if that one is meant.",
        )
    return after


def _origin(url: httpx.URL) -> tuple:
    ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or ports.get(url.scheme)


async def _read(response: httpx.Response) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    headers = response.headers
    try:
        encoding = headers.get("content-encoding", "")
        content, notes = decode(bytes(body), encoding, MAX_BODY)
    except TooLarge:
        raise _too_large() from None
    except BadEncoding as error:
        raise NodeFailed(
            "REQUEST_FAILED", f"The body of the answer could not be decoded: {error}."
        ) from None
    return Answer(response.status_code, headers.multi_items(), content, notes)


def _too_large() -> NodeFailed:
    return NodeFailed(
        "REQUEST_FAILED",
        f"The body of the answer is larger than {MAX_BODY // 2**20} MiB. "
        "Ask the service for less.",
    )
