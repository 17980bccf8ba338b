"""The request that follows a redirect: its URL, method, headers and body."""

import httpx

from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.http_request import basic

STATUSES = {301, 302, 303, 307, 308}
PORTS = {"http": 80, "https": 443}
# Bound to one origin, whatever their values are.
ALWAYS_PRIVATE = {"authorization", "cookie", "proxy-authorization"}


class Redirects:
    """Builds the next request of a node for as long as services redirect it.

    `jar` holds the cookies of the run, and `cookie` is the node's own header. That header,
    those named in `private` and, if `is_body_private`, the body are for the origin of the
    first request only.
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
        """Return the request to send next, or None if the response is the answer."""
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
        """Drop own cookies that the service has replaced or deleted.

        The jar has the new value, or none. The header does not say for which path or domain
        a cookie is, so the name alone decides, as in Go's client.
        """
        changed = {_name(one) for one in response.headers.get_list("set-cookie")}
        self.own_cookies = [c for c in self.own_cookies if _name(c) not in changed]

    def _leave_origin(
        self, headers: httpx.Headers, url: httpx.URL, keeps_body: bool
    ) -> None:
        if self.is_body_private and keeps_body:
            raise NodeFailed(
                "REQUEST_FAILED",
                "The redirect would send a secret in the body to another origin. "
                "Use the URL it leads to, if that one is meant.",
            )
        for name in self.private:
            headers.pop(name, None)
        # A later redirect back to the first origin does not restore them.
        self.own_cookies = []
        headers["host"] = url.netloc.decode("ascii")

    def _set_cookies(self, headers: httpx.Headers, url: httpx.URL) -> None:
        """Send the node's own cookies and, under other names, those of the jar."""
        own = {_name(one) for one in self.own_cookies}
        kept = httpx.Request("GET", url, cookies=self.jar).headers.get("cookie", "")
        cookies = self.own_cookies + [c for c in _split(kept) if _name(c) not in own]
        headers.pop("cookie", None)
        if cookies:
            headers["cookie"] = "; ".join(cookies)


def location(response: httpx.Response) -> httpx.URL:
    """Return the URL a redirect leads to; raises NodeFailed if no request can go there.

    The message shows no more than the scheme: the rest may be secret.
    """
    locations = set(response.headers.get_list("location"))
    if len(locations) > 1:
        raise _unfollowable(response, "it has several different Location headers")
    if not (text := locations.pop().strip()):
        raise _unfollowable(response, "its Location is empty")
    try:
        url = httpx.URL(text)
        # An absolute one without a host is not completed from the URL before.
        url = url if url.scheme else response.request.url.join(url)
        host = url.host
    # Invalid IDNA hosts raise ValueError.
    except (httpx.InvalidURL, ValueError):
        raise _unfollowable(response, "its Location is not a valid URL") from None
    if url.scheme not in PORTS:
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
    """Return the method after a redirect, as browsers have it (Fetch, section 4.4)."""
    becomes_get = method != "HEAD" and status in (302, 303)
    if becomes_get or (method == "POST" and status == 301):
        return "GET"
    return method


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme)


def _split(header: str) -> list[str]:
    return [one.strip() for one in header.split(";") if one.strip()]


def _name(cookie: str) -> str:
    """Return the name of a cookie, of either header."""
    return cookie.partition(";")[0].partition("=")[0].strip()
