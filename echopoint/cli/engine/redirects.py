"""Build the request after a redirect: URL, method, headers and body."""

import httpx

from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.http_request import basic
from echopoint.cli.network import DEFAULT_PORTS

STATUSES = {301, 302, 303, 307, 308}
# Never sent to another origin, whatever their values are.
ALWAYS_PRIVATE = {"authorization", "cookie", "proxy-authorization"}


class Redirects:
    """Builds the next request of a node for each redirect.

    `jar` contains the cookies of the run, and `cookie` is the Cookie header of the node.
    That header, the headers in `private` and, if `is_body_private`, the body are sent only
    to the origin of the first request.
    """

    def __init__(
        self,
        jar: httpx.Cookies,
        *,
        private: set[str],
        is_body_private: bool,
        cookie: str,
    ):
        self.jar = jar
        self.private = private | ALWAYS_PRIVATE
        self.is_body_private = is_body_private
        self.own_cookies = _split(cookie)

    def next(self, response: httpx.Response) -> httpx.Request | None:
        """Return the next request, or None if the response is not a redirect."""
        if response.status_code not in STATUSES or "location" not in response.headers:
            return None
        before = response.request
        url = location(response)
        method = _method(before.method, response.status_code)
        keeps_body = method == before.method or method != "GET"
        headers = before.headers.copy()
        self._forget(response)
        if _origin(before.url) != _origin(url):
            self._leave_origin(headers, url, keeps_body)
        if not keeps_body:
            headers.pop("content-length", None)
            headers.pop("transfer-encoding", None)
        if url.userinfo:
            headers["authorization"] = basic(url)
            url = url.copy_with(userinfo=b"")
        self._set_cookies(headers, url)
        stream = before.stream if keeps_body else httpx.ByteStream(b"")
        return httpx.Request(
            method, url, headers=headers, stream=stream, extensions=before.extensions
        )

    def _forget(self, response: httpx.Response) -> None:
        """Drop the node's cookies that the service has replaced or deleted.

        A Cookie header has no path or domain, so only the name is compared, as in Go's
        client. The jar has the new value.
        """
        changed = {_name(cookie) for cookie in response.headers.get_list("set-cookie")}
        self.own_cookies = [c for c in self.own_cookies if _name(c) not in changed]

    def _leave_origin(
        self, headers: httpx.Headers, url: httpx.URL, keeps_body: bool
    ) -> None:
        if self.is_body_private and keeps_body:
            raise NodeFailed(
                "REQUEST_FAILED",
                "The redirect would send a secret in the body to another origin. "
                "If that is intended, use the target URL directly.",
            )
        for name in self.private:
            headers.pop(name, None)
        # A later redirect back to the first origin does not restore them.
        self.own_cookies = []
        headers["host"] = url.netloc.decode("ascii")

    def _set_cookies(self, headers: httpx.Headers, url: httpx.URL) -> None:
        """Send the node's cookies, and those of the jar with other names."""
        own = {_name(cookie) for cookie in self.own_cookies}
        stored = httpx.Request("GET", url, cookies=self.jar).headers.get("cookie", "")
        cookies = self.own_cookies + [c for c in _split(stored) if _name(c) not in own]
        headers.pop("cookie", None)
        if cookies:
            headers["cookie"] = "; ".join(cookies)


def location(response: httpx.Response) -> httpx.URL:
    """Return the target URL of a redirect; raises NodeFailed if it is invalid.

    The message contains only the scheme of the URL: the rest may be secret.
    """
    locations = set(response.headers.get_list("location"))
    if len(locations) > 1:
        raise _unfollowable(response, "it has several different Location headers")
    if not (text := locations.pop().strip()):
        raise _unfollowable(response, "its Location is empty")
    try:
        url = httpx.URL(text)
        # `http:/path` must not get its host from the previous URL.
        url = url if url.scheme else response.request.url.join(url)
        host = url.host
    # Invalid IDNA hosts raise ValueError.
    except (httpx.InvalidURL, ValueError):
        raise _unfollowable(response, "its Location is not a valid URL") from None
    if url.scheme not in DEFAULT_PORTS:
        raise _unfollowable(
            response,
            f'its Location has the scheme "{url.scheme[:20]}", not http or https',
        )
    if not host:
        raise _unfollowable(response, "its Location has no host")
    if (url.port or 0) > 65_535:
        raise _unfollowable(response, "its Location has a port above 65535")
    return url


def _unfollowable(response: httpx.Response, why: str) -> NodeFailed:
    return NodeFailed(
        "REQUEST_FAILED",
        f"The redirect (HTTP {response.status_code}) cannot be followed: {why}. Correct it "
        "in the service, or set follow_redirects to false to assert on the redirect.",
    )


def _method(method: str, status: int) -> str:
    """Return the method after a redirect, as in browsers (Fetch, section 4.4)."""
    becomes_get = method != "HEAD" and status in (302, 303)
    if becomes_get or (method == "POST" and status == 301):
        return "GET"
    return method


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def _split(header: str) -> list[str]:
    return [part.strip() for part in header.split(";") if part.strip()]


def _name(cookie: str) -> str:
    """Return the name in a Cookie or Set-Cookie header."""
    return cookie.partition(";")[0].partition("=")[0].strip()
