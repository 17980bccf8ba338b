"""The API over HTTP: one place that sends, waits, and understands what comes back."""

import asyncio
import json
import re
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from echopoint.cli import expiry, pipeline
from echopoint.cli.causes import innermost
from echopoint.cli.exceptions import ApiError, CommandError, NoAnswer, UnexpectedAnswer
from echopoint.cli.network import Tls, Transport, is_tls
from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed
from echopoint.cli.retries import ATTEMPTS, Repeat, pause_before
from echopoint.cli.settings import Settings, version
from echopoint.cli.terminal import say
from echopoint.cli.text import one_line
from echopoint.cli.tls_faults import distrust, no_tls, untrusted

# Far more than any answer is; an endless one must not fill the memory.
LARGEST_ANSWER = 64 * 2**20
LONGEST_WAIT = 60  # seconds; limits count by the minute


class Answer(NamedTuple):
    """A success: its JSON document and its headers."""

    document: Any
    headers: httpx.Headers


class Client:
    """Speaks to the API as the key. Use it as an asynchronous context manager."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.has_warned = False
        headers = {
            "X-Api-Key": settings.api_key,
            "User-Agent": f"echopoint-cli/{version()}",
            **pipeline.headers(),
        }
        if settings.organization_id:
            headers["X-Organization-Id"] = settings.organization_id
        # Redirects are not followed: the key goes to the named address alone.
        self.http = httpx.AsyncClient(
            headers=headers,
            timeout=settings.request_timeout,
            follow_redirects=False,
            transport=Transport(httpx.Limits(), Tls()),
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.http.aclose()

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.call("GET", path, params=params)

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.call("POST", path, json=body, **options)

    async def call(
        self, method: str, path: str, *, repeat: Repeat | None = None, **options: Any
    ) -> Answer:
        """Send a request, and again up to twice where `repeat` and the fault allow it.

        Without `repeat` a GET only reads, and of others nothing is known. Raises the same
        exceptions as `call_once`.
        """
        repeat = repeat or (Repeat.READS if method == "GET" else Repeat.UNKNOWN)
        usual_pause = self.settings.retry_pause
        for _ in range(ATTEMPTS - 1):
            try:
                return await self.call_once(method, path, **options)
            except (NoAnswer, ApiError) as error:
                pause = pause_before(error, repeat, usual_pause)
                if pause is None:
                    raise
                said = f"Trying again in {pause:g} s: {error.message}"
            say(said, settings=self.settings)
            await asyncio.sleep(pause)
            usual_pause *= 2
        return await self.call_once(method, path, **options)

    async def call_once(self, method: str, path: str, **options: Any) -> Answer:
        """Send one request, within the time limit as a whole.

        Raises `NoAnswer`, `ApiError` for a refusal, `UnexpectedAnswer` for what is not
        the API's.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                response, body = await self.exchange(method, path, options)
        except TimeoutError as error:
            self.trace(method, path, started, "no answer in time")
            raise NoAnswer(
                f"{self.host} did not answer within"
                f" {self.settings.request_timeout:g} s. Try again."
            ) from error
        except EnvironmentFault as error:
            raise CommandError(str(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            self.trace(method, path, started, type(error).__name__)
            if certificate := untrusted(error):
                # It will not be trusted in a moment either.
                is_proxys = isinstance(error, ProxyFailed)
                told = str(error) if is_proxys else distrust(self.host, certificate)
                raise CommandError(told) from error
            raise NoAnswer(self.unreachable(error)) from error
        request_id = response.headers.get("X-Request-Id", "")
        self.trace(method, path, started, response.status_code, request_id)
        if not self.has_warned and response.is_success:
            self.has_warned = True
            expiry.warn(response.headers, self.settings)
        return understood(response, body, self.settings)

    async def exchange(
        self, method: str, path: str, options: dict
    ) -> tuple[httpx.Response, bytes]:
        url = self.settings.base_url + path
        async with self.http.stream(method, url, **options) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise UnexpectedAnswer(
                        f"{self.host} sent more than {LARGEST_ANSWER} bytes. That is"
                        " not the API: check the address."
                    )
            return response, bytes(body)

    @property
    def host(self) -> str:
        return urlsplit(self.settings.api_url).netloc

    def unreachable(self, error: Exception) -> str:
        """Return why there is no answer. Only connecting fails before anything was sent."""
        if isinstance(error, ProxyFailed):
            return str(error)
        if is_tls(error):
            return no_tls(self.host, reason(error))
        if isinstance(error, httpx.ConnectError):
            return (
                f"{self.host} cannot be reached ({reason(error)}). Check the address"
                " (--api-url or ECHOPOINT_API_URL) and the network."
            )
        return f"The connection to {self.host} broke off ({reason(error)}). Try again."

    def trace(self, method: str, path: str, started: float, *facts: object) -> None:
        """With --debug, tell of a request: no header, no body, no query."""
        if self.settings.debug:
            took = f"{(time.monotonic() - started) * 1000:.0f} ms"
            told = " ".join(str(fact) for fact in facts if fact != "")
            say(f"debug: {method} {path} {told} {took}", settings=self.settings)


def reason(error: Exception) -> str:
    """Return the innermost cause in a few words; httpx puts its own words around it."""
    error = innermost(error)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return one_line(text)[:200]


def understood(response: httpx.Response, body: bytes, settings: Settings) -> Answer:
    """Return a success, or raise what the answer says."""
    if response.is_redirect:
        raise UnexpectedAnswer(
            f"The API's address redirects (HTTP {response.status_code}). Give the"
            f" address that it leads to, {origin(response)}, with --api-url."
        )
    document = parsed(body)
    if response.is_success:
        if document is None:
            raise UnexpectedAnswer(
                f"HTTP {response.status_code} came without JSON{told_id(response)}."
                " Something other than the API answered: check the address."
            )
        return Answer(document, response.headers)
    raise refusal(response, document, settings)


def parsed(body: bytes) -> Any:
    """Return the JSON document, or None for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def origin(response: httpx.Response) -> str:
    """Return scheme and host of where a redirect leads; the rest may be secret."""
    location = urlsplit(response.headers.get("Location", ""))
    return f"{location.scheme}://{location.hostname}" if location.hostname else "there"


def told_id(response: httpx.Response) -> str:
    request_id = response.headers.get("X-Request-Id")
    return f" (X-Request-Id {one_line(request_id)[:100]})" if request_id else ""


def refusal(response: httpx.Response, document: Any, settings: Settings) -> ApiError:
    """Return the first error of the envelope, or the bare status of another's answer."""
    status = response.status_code
    try:
        first = document["errors"][0]
        code, message = str(first["code"]), str(first["message"])
        if first.get("field"):
            message = f"{first['field']}: {message}"
        metadata = first.get("metadata") or {}
    except (KeyError, IndexError, TypeError, AttributeError):
        code, metadata = "", {}
        message = "The answer is not the API's. A proxy may stand between, or be it."
    ended = f"[HTTP {status}{' ' + code if code else ''}]{told_id(response)}"
    # An answer may repeat what was sent, the key with it.
    text = settings.scrub(f"{message} {ended}")
    return ApiError(
        text,
        status=status,
        code=code,
        metadata=metadata,
        retry_after=retry_after(response),
    )


def retry_after(response: httpx.Response) -> int | None:
    """Return for how many seconds to wait, or None when that is unknown or too long."""
    text = response.headers.get("Retry-After", "")
    if not re.fullmatch("[0-9]{1,3}", text) or int(text) > LONGEST_WAIT:
        return None
    return int(text)
