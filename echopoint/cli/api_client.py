"""The HTTP client of the API: requests, retries and error responses."""

import asyncio
import json
import re
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from echopoint.cli import ci_context, expiry
from echopoint.cli.exception_causes import innermost
from echopoint.cli.exceptions import (
    ApiError,
    CommandError,
    NoResponse,
    UnexpectedResponse,
)
from echopoint.cli.network import Tls, Transport, is_tls
from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed
from echopoint.cli.output import write_stderr
from echopoint.cli.printable_text import one_line
from echopoint.cli.retries import ATTEMPTS, Repeat, pause_before
from echopoint.cli.settings import Settings, version
from echopoint.cli.tls_faults import (
    certificate_error,
    tls_failed_message,
    untrusted_message,
)

# Bytes, far above any real response. An endless one must not exhaust the memory.
LARGEST_RESPONSE = 64 * 2**20
LONGEST_WAIT = 60  # seconds; the rate limits of the API are per minute


class ApiResponse(NamedTuple):
    """The JSON document and the headers of a successful response."""

    document: Any
    headers: httpx.Headers


class ApiClient:
    """A client that authenticates with the API key. Use it with `async with`."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.has_warned = False
        headers = {
            "X-Api-Key": settings.api_key,
            "User-Agent": f"echopoint-cli/{version()}",
            **ci_context.headers(),
        }
        if settings.organization_id:
            headers["X-Organization-Id"] = settings.organization_id
        # Redirects are not followed: they could send the key to another host.
        self.http = httpx.AsyncClient(
            headers=headers,
            timeout=settings.request_timeout,
            follow_redirects=False,
            transport=Transport(httpx.Limits(), Tls()),
        )

    async def __aenter__(self) -> "ApiClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.http.aclose()

    async def get(self, path: str, **params: Any) -> ApiResponse:
        return await self.request("GET", path, params=params)

    async def post(self, path: str, body: Any, **options: Any) -> ApiResponse:
        return await self.request("POST", path, json=body, **options)

    async def request(
        self, method: str, path: str, *, repeat: Repeat | None = None, **options: Any
    ) -> ApiResponse:
        """Send a request, and repeat it up to twice if `repeat` and the error allow it.

        By default a GET counts as a read, and other methods are not repeated after an
        error. Raises the same exceptions as `request_once`.
        """
        repeat = repeat or (Repeat.READS if method == "GET" else Repeat.UNKNOWN)
        usual_pause = self.settings.retry_pause
        for _ in range(ATTEMPTS - 1):
            try:
                return await self.request_once(method, path, **options)
            except (NoResponse, ApiError) as error:
                pause = pause_before(error, repeat, usual_pause)
                if pause is None:
                    raise
                notice = f"Trying again in {pause:g} s: {error.message}"
            write_stderr(notice, settings=self.settings)
            await asyncio.sleep(pause)
            usual_pause *= 2
        return await self.request_once(method, path, **options)

    async def request_once(self, method: str, path: str, **options: Any) -> ApiResponse:
        """Send one request. The time limit covers the whole exchange.

        Raises `NoResponse`, `ApiError` if the API refuses the request, or
        `UnexpectedResponse` if something else responded.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                response, body = await self.send(method, path, options)
        except TimeoutError as error:
            self.log(method, path, started, "timeout")
            raise NoResponse(
                f"{self.host} did not answer within"
                f" {self.settings.request_timeout:g} s. Try again."
            ) from error
        except EnvironmentFault as error:
            raise CommandError(str(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            self.log(method, path, started, type(error).__name__)
            if certificate := certificate_error(error):
                # Not NoResponse: a repetition would fail in the same way.
                is_proxy = isinstance(error, ProxyFailed)
                raise CommandError(
                    str(error)
                    if is_proxy
                    else untrusted_message(self.host, certificate)
                ) from error
            raise NoResponse(self.connection_message(error)) from error
        request_id = response.headers.get("X-Request-Id", "")
        self.log(method, path, started, response.status_code, request_id)
        if not self.has_warned and response.is_success:
            self.has_warned = True
            expiry.warn_of_expiry(response.headers, self.settings)
        return api_response(response, body, self.settings)

    async def send(
        self, method: str, path: str, options: dict[str, Any]
    ) -> tuple[httpx.Response, bytes]:
        url = self.settings.base_url + path
        async with self.http.stream(method, url, **options) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_RESPONSE:
                    raise UnexpectedResponse(
                        f"{self.host} sent more than {LARGEST_RESPONSE} bytes, which the API"
                        " never does. Check the API URL (--api-url)."
                    )
            return response, bytes(body)

    @property
    def host(self) -> str:
        return urlsplit(self.settings.api_url).netloc

    def connection_message(self, error: Exception) -> str:
        """Return why there is no response, and what to do."""
        if isinstance(error, ProxyFailed):
            return str(error)
        if is_tls(error):
            return tls_failed_message(self.host, reason(error))
        if isinstance(error, httpx.ConnectError):
            return (
                f"{self.host} cannot be reached ({reason(error)}). Check the API URL"
                " (--api-url or ECHOPOINT_API_URL) and the network."
            )
        return f"The connection to {self.host} was lost ({reason(error)}). Try again."

    def log(self, method: str, path: str, started: float, *facts: object) -> None:
        """With --debug, log a request without headers, body and query: they may hold secrets."""
        if self.settings.debug:
            took = f"{(time.monotonic() - started) * 1000:.0f} ms"
            result = " ".join(str(fact) for fact in facts if fact != "")
            write_stderr(
                f"debug: {method} {path} {result} {took}", settings=self.settings
            )


def reason(error: Exception) -> str:
    """Return the first cause in a few words; the messages of httpx are less specific."""
    cause = innermost(error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return one_line(text)[:200]


def api_response(
    response: httpx.Response, body: bytes, settings: Settings
) -> ApiResponse:
    """Return a successful response, or raise the error that it stands for."""
    if response.is_redirect:
        raise UnexpectedResponse(
            f"The API URL redirects (HTTP {response.status_code}). Set --api-url to the"
            f" target of the redirect, {redirect_origin(response)}."
        )
    document = parse_json(body)
    if response.is_success:
        if document is None:
            raise UnexpectedResponse(
                f"The response (HTTP {response.status_code}) came without"
                f" JSON{request_id_note(response)}. Check the API URL (--api-url): something"
                " else may have answered."
            )
        return ApiResponse(document, response.headers)
    raise api_error(response, document, settings)


def parse_json(body: bytes) -> Any:
    """Return the JSON document, or None if the body is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def redirect_origin(response: httpx.Response) -> str:
    """Return scheme and host of the redirect target. The rest may hold secrets."""
    location = urlsplit(response.headers.get("Location", ""))
    return (
        f"{location.scheme}://{location.hostname}"
        if location.hostname
        else "which is unknown"
    )


def request_id_note(response: httpx.Response) -> str:
    request_id = response.headers.get("X-Request-Id")
    return f" (X-Request-Id {one_line(request_id)[:100]})" if request_id else ""


def api_error(response: httpx.Response, document: Any, settings: Settings) -> ApiError:
    """Return the first error of the envelope, or the status if there is no envelope."""
    status = response.status_code
    try:
        first = document["errors"][0]
        code, message = str(first["code"]), str(first["message"])
        if first.get("field"):
            message = f"{first['field']}: {message}"
        metadata = first.get("metadata") or {}
    except (KeyError, IndexError, TypeError, AttributeError):
        code, metadata = "", {}
        message = (
            "The response did not come from the API. A proxy may have answered instead."
        )
    details = f"[HTTP {status}{' ' + code if code else ''}]{request_id_note(response)}"
    # A response may repeat the request, including the key.
    text = settings.scrub(f"{message} {details}")
    return ApiError(
        text,
        status=status,
        code=code,
        metadata=metadata,
        retry_after=retry_after(response),
    )


def retry_after(response: httpx.Response) -> int | None:
    """Return the seconds of Retry-After, or None if it is invalid or above `LONGEST_WAIT`."""
    text = response.headers.get("Retry-After", "")
    if not re.fullmatch("[0-9]{1,3}", text) or int(text) > LONGEST_WAIT:
        return None
    return int(text)
