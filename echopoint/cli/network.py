"""HTTP transport with the proxies and certificates of the environment."""

import os
import ssl
import urllib.request
from pathlib import Path

import httpx

from echopoint.cli.exception_causes import exception_causes, innermost
from echopoint.cli.network_faults import EnvironmentFault
from echopoint.cli.printable_text import one_line
from echopoint.cli.proxies import NoProxy, Proxy
from echopoint.cli.tls_faults import certificate_error

DEFAULT_PORTS = {"http": 80, "https": 443}


class Tunnel:
    """Records whether the proxy has opened the connection to the service.

    An httpcore trace. Without it, TLS errors of proxy and service cannot be told apart.
    """

    is_open = False

    async def __call__(self, event: str, info: dict[str, object]) -> None:
        if event in ("proxy.start_tls.started", "socks.start_tls.started"):
            self.is_open = True


class Transport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy.

    An invalid variable raises `EnvironmentFault` in the first request that needs it.
    """

    def __init__(self, limits: httpx.Limits, tls: "Tls"):
        self.limits = limits
        self.tls = tls
        # `tls` may have a client certificate, which is for services, not for proxies.
        self.proxy_tls = Tls()
        self.proxies = urllib.request.getproxies()
        self.no_proxy = NoProxy(self.proxies.get("no", ""))
        self.routes: dict[str, tuple[Proxy | None, httpx.AsyncHTTPTransport]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy, transport = self.route_for(request.url)
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

    def route_for(
        self, url: httpx.URL
    ) -> tuple[Proxy | None, httpx.AsyncHTTPTransport]:
        """Return the proxy of a URL, or None, and its transport. Both are cached."""
        port = url.port or DEFAULT_PORTS.get(url.scheme)
        is_direct = self.no_proxy.covers(url.host, port)
        # Certificates are read for https only: an invalid file must not fail plain http.
        name = f"{url.scheme} {'direct' if is_direct else 'proxied'}"
        if name not in self.routes:
            proxy = None if is_direct else self.proxy_for(url.scheme)
            if proxy and proxy.is_tls:
                proxy.proxy.ssl_context = self.proxy_tls.context()
            transport = httpx.AsyncHTTPTransport(
                verify=self.tls.context() if url.scheme == "https" else False,
                proxy=proxy.proxy if proxy else None,
                limits=self.limits,
                trust_env=False,
            )
            self.routes[name] = proxy, transport
        return self.routes[name]

    def proxy_for(self, scheme: str) -> Proxy | None:
        for name in (scheme, "all"):
            if value := self.proxies.get(name, "").strip():
                return Proxy(variable_of(f"{name}_proxy"), value)
        return None

    async def aclose(self) -> None:
        for _, transport in self.routes.values():
            await transport.aclose()


def connecting_fault(error: BaseException) -> str:
    """Return why the connection to a proxy failed, to continue a sentence."""
    causes = list(exception_causes(error))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused the connection"
    if certificate := certificate_error(error):
        return (
            f"has a certificate that is not trusted ({one_line(certificate.verify_message)})."
            " Set SSL_CERT_FILE to a PEM file with the certificate of its issuer"
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"failed in TLS ({cause.reason or cause})"
    return f"cannot be reached: {innermost(error)}"


def variable_of(name: str) -> str:
    """Return the spelling that is set. Lower case has precedence, as in curl."""
    spellings = [s for s in (name, name.upper()) if os.environ.get(s)]
    return spellings[0] if spellings else "the system settings"


def is_tls(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in exception_causes(error))


class Tls:
    """The trusted certificates, and the client certificate.

    `ca`, `certificate` and `key` are pairs of an option and the path of a PEM file:
    ("--ca-cert", path). Without `ca`, SSL_CERT_FILE is used.
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
        """Return the context; raise `EnvironmentFault` for an unusable file."""
        if self._context is None:
            context = self.trusting_context()
            if self.certificate:
                self.load_client_certificate(context, self.certificate)
            self._context = context
        return self._context

    def trusting_context(self) -> ssl.SSLContext:
        ca = self.ca or from_environment("SSL_CERT_FILE")
        folder = os.environ.get("SSL_CERT_DIR")
        if ca:
            return context_with(ca)
        if folder:
            if not Path(folder).is_dir():
                raise EnvironmentFault(
                    f"SSL_CERT_DIR is {folder}, which is not a folder."
                )
            return ssl.create_default_context(capath=folder)
        return httpx.create_ssl_context(trust_env=False)

    def load_client_certificate(
        self, context: ssl.SSLContext, certificate: tuple[str, str]
    ) -> None:
        name, path = certificate
        require_readable(name, path)
        if self.key:
            require_readable(*self.key)
        try:
            # Without a password, OpenSSL would prompt for that of an encrypted key.
            context.load_cert_chain(path, self.key and self.key[1], password="")
        except (ssl.SSLError, ValueError) as error:
            raise EnvironmentFault(
                f"{name} is {path}, which with its key is not a client certificate in PEM"
                f" ({getattr(error, 'reason', None) or error}). Use an unencrypted one."
            ) from None


def from_environment(variable: str) -> tuple[str, str] | None:
    value = os.environ.get(variable)
    return (variable, value) if value else None


def context_with(ca: tuple[str, str]) -> ssl.SSLContext:
    name, path = ca
    require_readable(name, path)
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise EnvironmentFault(
            f"{name} is {path}, which has no certificates in PEM. Use a file that"
            " begins with -----BEGIN CERTIFICATE-----."
        ) from None


def require_readable(name: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is invalid"
        raise EnvironmentFault(
            f"{name} is {path}, which cannot be read ({why}). Set it to a PEM file, or leave"
            " it out."
        ) from None
