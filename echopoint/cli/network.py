"""Requests through the proxies, and with the certificates, that the environment names."""

import os
import ssl
import urllib.request
from pathlib import Path

import httpx

from echopoint.cli.causes import causes_of, innermost
from echopoint.cli.network_faults import EnvironmentFault
from echopoint.cli.proxies import NoProxy, Proxy
from echopoint.cli.text import one_line
from echopoint.cli.tls_faults import untrusted


class Tunnel:
    """Whether the proxy has opened the way to the service, whose TLS begins then.

    A trace of httpcore; without it, the faults of the two TLS connections look alike.
    """

    is_open = False

    async def __call__(self, event: str, info: dict[str, object]) -> None:
        if event in ("proxy.start_tls.started", "socks.start_tls.started"):
            self.is_open = True


class Transport(httpx.AsyncBaseTransport):
    """Sends each request directly or through the proxy for it.

    What is wrong in the environment is raised by the request that needs it.
    """

    def __init__(self, limits: httpx.Limits, tls: "Tls"):
        self.limits = limits
        self.tls = tls
        # Proxies are shown no client certificate, and `tls` may have one for services.
        self.proxy_tls = Tls()
        self.named = urllib.request.getproxies()
        self.no_proxy = NoProxy(self.named.get("no", ""))
        self.ways: dict[str, tuple[Proxy | None, httpx.AsyncHTTPTransport]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy, transport = self.way_of(request.url)
        if proxy is None:
            return await transport.handle_async_request(request)
        tunnel = Tunnel()
        request.extensions = request.extensions | {"trace": tunnel}
        try:
            return await transport.handle_async_request(request)
        except httpx.ProxyError as error:
            what = f"did not connect to {request.url.host}: {error}"
            raise proxy.failure(what) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if tunnel.is_open:
                raise
            raise proxy.failure(connecting_fault(error)) from error

    def way_of(self, url: httpx.URL) -> tuple[Proxy | None, httpx.AsyncHTTPTransport]:
        """Return the proxy for a URL, or None, and the transport; each is made once."""
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
        is_direct = self.no_proxy.covers(url.host, port)
        # Certificates are read for https only: a wrong file does not fail plain http.
        name = f"{url.scheme} {'direct' if is_direct else 'proxied'}"
        if name not in self.ways:
            proxy = None if is_direct else self.proxy_for(url.scheme)
            if proxy and proxy.is_tls:
                proxy.proxy.ssl_context = self.proxy_tls.context()
            transport = httpx.AsyncHTTPTransport(
                verify=self.tls.context() if url.scheme == "https" else False,
                proxy=proxy.proxy if proxy else None,
                limits=self.limits,
                trust_env=False,
            )
            self.ways[name] = proxy, transport
        return self.ways[name]

    def proxy_for(self, scheme: str) -> Proxy | None:
        for name in (scheme, "all"):
            if value := self.named.get(name, "").strip():
                return Proxy(variable_of(f"{name}_proxy"), value)
        return None

    async def aclose(self) -> None:
        for _, transport in self.ways.values():
            await transport.aclose()


def connecting_fault(error: BaseException) -> str:
    """Return why the connection to a proxy failed, to follow its name."""
    causes = list(causes_of(error))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused the connection"
    if certificate := untrusted(error):
        return (
            f"has a certificate that is not trusted ({one_line(certificate.verify_message)})."
            " Name a PEM file with the certificate of its issuer in SSL_CERT_FILE"
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"does not speak TLS as it should ({cause.reason or cause})"
    return f"cannot be reached: {innermost(error)}"


def variable_of(name: str) -> str:
    """Return the spelling that is set; the small letters win, as with curl."""
    spellings = [one for one in (name, name.upper()) if os.environ.get(one)]
    return spellings[0] if spellings else "the system's settings"


def is_tls(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in causes_of(error))


class Tls:
    """Which certificates are trusted, and which one is shown.

    `ca`, `certificate` and `key` are paths of PEM files, with the words by which the
    person named them: ("--ca-cert", path). SSL_CERT_FILE counts where there is no `ca`.
    """

    def __init__(
        self,
        ca: tuple[str, str] | None = None,
        certificate: tuple[str, str] | None = None,
        key: tuple[str, str] | None = None,
    ):
        self.ca, self.certificate, self.key = ca, certificate, key
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context; raise `EnvironmentFault` for a file that does not serve."""
        if self._context is None:
            context = self.trusting()
            if self.certificate:
                self.show(context, self.certificate)
            self._context = context
        return self._context

    def trusting(self) -> ssl.SSLContext:
        ca = self.ca or of_environment("SSL_CERT_FILE")
        folder = os.environ.get("SSL_CERT_DIR")
        if ca:
            return context_with(ca)
        if folder:
            if not Path(folder).is_dir():
                raise EnvironmentFault(f"SSL_CERT_DIR is {folder}, which is no folder.")
            return ssl.create_default_context(capath=folder)
        return httpx.create_ssl_context(trust_env=False)

    def show(self, context: ssl.SSLContext, certificate: tuple[str, str]) -> None:
        name, path = certificate
        require_readable(name, path)
        if self.key:
            require_readable(*self.key)
        try:
            # A password cannot be asked for here; without this, OpenSSL would.
            context.load_cert_chain(path, self.key and self.key[1], password="")
        except (ssl.SSLError, ValueError) as error:
            raise EnvironmentFault(
                f"{name} is {path}, which with its key is no client certificate in PEM"
                f" ({getattr(error, 'reason', None) or error}). Give an unencrypted one."
            ) from None


def of_environment(variable: str) -> tuple[str, str] | None:
    value = os.environ.get(variable)
    return (variable, value) if value else None


def context_with(ca: tuple[str, str]) -> ssl.SSLContext:
    name, path = ca
    require_readable(name, path)
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise EnvironmentFault(
            f"{name} is {path}, which holds no certificates in PEM. Name a file that"
            " begins with -----BEGIN CERTIFICATE-----."
        ) from None


def require_readable(name: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name cannot be"
        raise EnvironmentFault(
            f"{name} is {path}, which cannot be read ({why}). Name a file in PEM, or leave"
            " it out."
        ) from None
