"""Send a request, follow its redirects, and read the answer within bounds."""

import asyncio
import logging
from importlib.metadata import PackageNotFoundError, version

import httpx

from echopoint.cli.engine.decoding import BadEncoding, TooLarge, decode
from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.extractors import Answer
from echopoint.cli.engine.http_errors import failure_of
from echopoint.cli.engine.redirects import Redirects
from echopoint.cli.network import Tls, Transport

MAX_BODY = 10 * 1024 * 1024  # bytes, as sent and as decoded
MAX_REDIRECTS = 10
DEFAULT_TIMEOUT = 30_000  # milliseconds


def silence() -> None:
    """Keep httpx and httpcore from logging URLs and headers, at any level."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Client(httpx.AsyncClient):
    """Builds requests, sends them and keeps the cookies of the answers.

    httpx's own `send` reads the Location of every redirect, even of those that are not
    followed, and fails for an invalid one.
    """

    def __init__(self, transport: Transport, headers: dict[str, str]):
        # There is one deadline for all of a request, in send().
        super().__init__(
            transport=transport, headers=headers, timeout=httpx.Timeout(None)
        )
        self._sending = transport

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the caller reads and closes the response."""
        response = await self._sending.handle_async_request(request)
        response.request = request
        self.cookies.extract_cookies(response)
        return response


def new_client(tls: Tls) -> Client:
    """Return a client that takes its proxies from the environment.

    It keeps no connection open: one that the service closes meanwhile would fail the
    next node for nothing.
    """
    try:
        release = version("echopoint")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        release = "dev"
    return Client(
        Transport(httpx.Limits(max_keepalive_connections=0), tls),
        headers={
            "User-Agent": f"echopoint-cli/{release}",
            "Accept-Encoding": "gzip, deflate, br, zstd",
        },
    )


async def send(
    client: Client,
    request: httpx.Request,
    *,
    timeout: int,
    redirects: Redirects | None,
) -> Answer:
    """Return the answer; raises NodeFailed with the code that tells the reason.

    `timeout` is in milliseconds, 0 the default, and is for everything: from the name
    of the host to the last byte of the last redirect. Without `redirects`, a redirect is
    the answer, whatever its Location is.
    """
    timeout = timeout or DEFAULT_TIMEOUT
    try:
        async with asyncio.timeout(timeout / 1000):
            if redirects is None:
                return await _taken(await client.exchange(request))
            return await _follow(client, request, redirects)
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
    client: Client, request: httpx.Request, redirects: Redirects
) -> Answer:
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.exchange(request)
        try:
            following = redirects.next(response)
            if following is None:
                return await _read(response)
        finally:
            await response.aclose()
        request = following
    raise NodeFailed(
        "REQUEST_FAILED",
        f"There were more than {MAX_REDIRECTS} redirects. Check where the URL leads.",
    )


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
