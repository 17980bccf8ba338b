"""Send a request, follow redirects, and read the response up to a maximum size."""

import asyncio
import logging
from importlib.metadata import PackageNotFoundError, version

import httpx

from echopoint.cli.engine.decoding import BadEncoding, TooLarge, decode
from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.extractors import NodeResponse
from echopoint.cli.engine.http_errors import failure_of
from echopoint.cli.engine.redirects import Redirects
from echopoint.cli.network import Tls, Transport

MAX_BODY = 10 * 1024 * 1024  # bytes, as sent and as decoded
MAX_REDIRECTS = 10
DEFAULT_TIMEOUT = 30_000  # milliseconds


def disable_http_logging() -> None:
    """Stop httpx and httpcore from logging URLs and headers, which may contain secrets."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class FlowHttpClient(httpx.AsyncClient):
    """Sends requests and stores the cookies of the responses.

    `httpx.AsyncClient.send` parses the Location of every redirect and fails if it is invalid,
    even if the redirect is not followed.
    """

    def __init__(self, transport: Transport, headers: dict[str, str]):
        # send() has one deadline for the request and all its redirects.
        super().__init__(
            transport=transport, headers=headers, timeout=httpx.Timeout(None)
        )
        self._flow_transport = transport

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the caller reads and closes the response."""
        response = await self._flow_transport.handle_async_request(request)
        response.request = request
        self.cookies.extract_cookies(response)
        return response


def new_client(tls: Tls) -> FlowHttpClient:
    """Return a client that uses the proxies of the environment.

    Connections are not reused: a service may close an idle one just before the next request,
    which would then fail.
    """
    try:
        release = version("echopoint")
    except PackageNotFoundError:
        # The package is not installed: it runs from a checkout.
        release = "dev"
    return FlowHttpClient(
        Transport(httpx.Limits(max_keepalive_connections=0), tls),
        headers={
            "User-Agent": f"echopoint-cli/{release}",
            "Accept-Encoding": "gzip, deflate, br, zstd",
        },
    )


async def send(
    client: FlowHttpClient,
    request: httpx.Request,
    *,
    timeout: int,
    redirects: Redirects | None,
) -> NodeResponse:
    """Return the response; raises NodeFailed with the error code of the cause.

    `timeout` is in milliseconds (0 for the default) and covers everything from name
    resolution to the last byte after the last redirect. Without `redirects`, a redirect
    is returned as the response.
    """
    timeout = timeout or DEFAULT_TIMEOUT
    try:
        async with asyncio.timeout(timeout / 1000):
            if redirects is None:
                return await _read_and_close(await client.exchange(request))
            return await _follow(client, request, redirects)
    except TimeoutError:
        raise NodeFailed(
            "REQUEST_TIMEOUT", f"No complete response arrived within {timeout} ms."
        ) from None
    except NodeFailed:
        raise
    except Exception as error:  # noqa: BLE001 - a redirect can lead to any error of httpx
        raise failure_of(error) from None


async def _read_and_close(response: httpx.Response) -> NodeResponse:
    try:
        return await _read(response)
    finally:
        await response.aclose()


async def _follow(
    client: FlowHttpClient, request: httpx.Request, redirects: Redirects
) -> NodeResponse:
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


async def _read(response: httpx.Response) -> NodeResponse:
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
            "REQUEST_FAILED", f"The response body could not be decoded: {error}."
        ) from None
    return NodeResponse(response.status_code, headers.multi_items(), content, notes)


def _too_large() -> NodeFailed:
    return NodeFailed(
        "REQUEST_FAILED",
        f"The response body is larger than {MAX_BODY // 2**20} MiB. Request less data.",
    )
