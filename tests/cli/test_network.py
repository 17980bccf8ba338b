"""Proxies and certificates of the environment, for the API and for services."""

import asyncio
import gc
import re
import socket
import ssl
import threading
from base64 import b64decode
from contextlib import contextmanager

import httpx
import pytest
import trustme

from echopoint.cli.exception_causes import exception_causes
from echopoint.cli.network import Tls, Transport
from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed
from echopoint.cli.proxies import NoProxy, Proxy
from tests.cli.echo_server import Service
from tests.cli.engine.flows import request, run_node

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in (*VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def get(url, tls=None):
    """Return the answer that a request through the environment's proxies gets."""

    async def get():
        transport = Transport(httpx.Limits(max_keepalive_connections=0), tls or Tls())
        async with httpx.AsyncClient(transport=transport, timeout=10) as client:
            return await client.get(url)

    return asyncio.run(get())


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def socks_proxy():
    """Yield the port of a SOCKS5 proxy (RFC 1928) without sign-in, and what it was asked."""
    asked = []

    async def serve(reader, writer):
        try:
            await connect(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async def connect(reader, writer):
        await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(b"\5\0")
        kind = (await reader.readexactly(4))[3]
        length = 4 if kind == 1 else (await reader.readexactly(1))[0]
        host = await reader.readexactly(length)
        port = int.from_bytes(await reader.readexactly(2))
        host = socket.inet_ntoa(host) if kind == 1 else host.decode()
        asked.append((host, port))
        try:
            there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.write(b"\5\5\0\1\0\0\0\0\0\0")
            return
        writer.write(b"\5\0\0\1\0\0\0\0\0\0")
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    with serving(serve) as port:
        yield port, asked


@contextmanager
def tls_proxy(certificate, status=200, asks_for=None):
    """Yield the port of a proxy over TLS that answers CONNECT, and what it was asked."""
    asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if asks_for:
        asks_for.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL

    async def serve(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n")[0].split()
            shown = writer.get_extra_info("peercert") or None
            asked.append((method.decode(), target.decode(), shown))
            writer.write(b"HTTP/1.1 %d Said\r\n\r\n" % status)
            if status == 200:
                host, _, port = target.decode().rpartition(":")
                there = await asyncio.open_connection(host, port)
                await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    with serving(serve, ssl=context) as port:
        yield port, asked


async def pipe(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@contextmanager
def serving(serve, **options):
    """Serve connections in a thread of its own, and yield the port."""

    async def main(started, port):
        stopped = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
        async with server:
            port.append(server.sockets[0].getsockname()[1])
            port.append(lambda: loop.call_soon_threadsafe(stopped.set))
            loop = asyncio.get_running_loop()
            started.set()
            await stopped.wait()

    started, port = threading.Event(), []
    thread = threading.Thread(target=lambda: asyncio.run(main(started, port)))
    thread.start()
    started.wait(10)
    try:
        yield port[0]
    finally:
        port[1]()
        thread.join(10)


@pytest.mark.parametrize(
    ("no_proxy", "host", "covered"),
    [
        ("*", "example.com", True),
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.com.", True),
        ("example.com", "api.example.com", True),
        ("example.com", "notexample.com", False),
        (".example.com", "api.example.com", True),
        (".example.com", "example.com", True),
        ("*.example.com", "api.example.com", True),
        ("a.test, example.com", "example.com", True),
        ("a.test example.com", "example.com", True),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("192.168.0.7", "192.168.0.7", True),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("fd00::/8", "fd12::1", True),
        ("[fd00::]/8", "fd12::1", True),
        ("fd00::/8", "fe80::1", False),
        ("10.0.0.0/99", "10.1.2.3", False),
        ("http://odd/, ,:8080,/", "example.com", False),
        ("", "example.com", False),
        ("10.0.0.0/8", "10.example.com", False),
    ],
)
def test_no_proxy_is_read_as_curl_does(no_proxy, host, covered):
    assert NoProxy(no_proxy).covers(host, 443) is covered


@pytest.mark.parametrize(
    ("no_proxy", "host", "covered"),
    [
        ("127.0.0.1:8080", "127.0.0.1", True),
        ("127.0.0.1:8081", "127.0.0.1", False),
        ("127.0.0.2:8080", "127.0.0.1", False),
        ("a.test,127.0.0.1:8080", "127.0.0.1", True),
        ("127.0.0.1:8081 127.0.0.1", "127.0.0.1", True),
        ("127.0.0.0/8:8080", "127.0.0.1", True),
        ("127.0.0.0/8:8081", "127.0.0.1", False),
        ("[::1]:8080", "::1", True),
        ("[::1]:8080", "[::1]", True),
        ("[::1]:8081", "::1", False),
        ("[::1]:8080", "::2", False),
        ("[0:0:0:0:0:0:0:1]:8080", "::1", True),
        # Without brackets, all of it is the address.
        ("::1:8080", "::1", False),
        ("::1:8080", "::1:8080", True),
        ("localhost:8080", "localhost", True),
        ("LOCALHOST:8080", "localhost.", True),
        ("localhost:8081", "localhost", False),
        (".example.com:8080", "api.example.com", True),
        ("*.example.com:8081", "api.example.com", False),
        ("*:8080", "example.com", True),
        ("*:8081", "example.com", False),
        ("127.0.0.1:", "127.0.0.1", False),
        ("127.0.0.1:port", "127.0.0.1", False),
        (":8080", "example.com", False),
        ("[]:8080", "example.com", False),
        pytest.param(f"host:{'9' * 5000}", "host", False, id="long"),
    ],
)
def test_a_port_in_no_proxy_is_for_that_port_only(no_proxy, host, covered):
    assert NoProxy(no_proxy).covers(host, 8080) is covered


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_service_named_with_its_port_is_reached_without_the_proxy(
    service, monkeypatch, host
):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    url = f"http://{host}:{service.port}/echo"

    monkeypatch.setenv("NO_PROXY", f"{host}:{service.port}")
    assert get(url).status_code == 200

    monkeypatch.setenv("NO_PROXY", f"{host}:{service.port - 1}")
    with pytest.raises(ProxyFailed):
        get(url)


def test_requests_go_through_the_proxy_but_for_what_is_named(service, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", service.url)

    get("http://elsewhere.test/echo")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    get(f"{service.url}/echo")

    assert [one["headers"]["host"] for one in service.seen] == [
        "elsewhere.test",
        service.url.removeprefix("http://"),
    ]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_used(service, monkeypatch, scheme):
    port = int(service.url.rpartition(":")[2])
    with socks_proxy() as (proxy, asked):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy}")
        answer = get(f"http://localhost:{port}/echo")

    assert answer.status_code == 200
    assert asked[0][1] == port


# httpcore leaves a connection to a SOCKS proxy that refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_socks_proxy_that_cannot_connect_is_named(monkeypatch):
    with socks_proxy() as (proxy, _):
        monkeypatch.setenv("all_proxy", f"socks5://127.0.0.1:{proxy}")
        with pytest.raises(ProxyFailed, match="in all_proxy did not connect to h.test"):
            get(f"http://h.test:{closed_port()}/")
    gc.collect()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_refuses_is_named_and_not_the_service(
    service, monkeypatch, scheme
):
    port = closed_port()
    monkeypatch.setenv("HTTP_PROXY", f"{scheme}://user:hidden@127.0.0.1:{port}")

    result = run_node(request("call", f"{service.url}/echo"))

    assert result["error_code"] == "CONNECTION_REFUSED"
    named = f"The proxy 127.0.0.1:{port} in HTTP_PROXY refused the connection"
    assert named in result["error_message"]
    assert "hidden" not in result["error_message"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ftp://proxy.test", 'names a proxy of the kind "ftp"'),
        ("socks4://proxy.test", 'names a proxy of the kind "socks4"'),
        ("http://", "names no host"),
        ("http://proxy.test:port", "is not the address of a proxy"),
        ("http://[::1", "is not the address of a proxy"),
        ("http://proxy.test:99999", "is not the address of a proxy"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
def test_a_proxy_that_is_none_is_said_with_its_variable(
    service, monkeypatch, variable, value, says
):
    monkeypatch.setenv(variable, value)

    with pytest.raises(EnvironmentFault, match=f"^{variable} {says}"):
        get(f"{service.url}/echo")


MALFORMED = [
    "http://hush:12#34@proxy.test:8080",
    "http://hush:12/34@proxy.test:8080",
    "http://hush:12?34@proxy.test:8080",
    "http://hush:hidden#34@proxy.test:8080",
    "http://hush#34:hidden@proxy.test:8080",
    "http://hush:hidden[@proxy.test:8080",
    "http://hush:hid\u2100den@proxy.test:8080",
    "http://hush:hid\nden@proxy.test:8080",
    "http://hush:hid\udcffden@proxy.test:8080",
    "http://hush:hidden@proxy.test:port",
    "http://hush:hidden@proxy.test:70000",
    "http://hush:hidden@proxy test:80",
    "http://hush:hidden@[::1",
    "http://hush:hidden@xn--:80",
    "http://hush:hidden@",
    "http://hush:hidden%40proxy.test:80",
    "http://hush%3Ahidden%40proxy.test",
    "http://hush:hidden",
    "hush:hidden",
    "hush:12/34@proxy.test:8080",
    "hush:hidden://34@proxy.test:8080",
    "hush://hidden@proxy.test:8080",
    "ftp://hush:hidden@proxy.test:8080",
    "http:/hush:hidden@proxy.test:8080",
    "://hush:hidden@proxy.test:8080",
    "http://http://hush:hidden@proxy.test:8080",
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize(
    "variable", [one for v in VARIABLES[:3] for one in (v, v.lower())]
)
def test_a_malformed_proxy_is_said_without_its_value(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    scheme = "https" if "https" in variable.lower() else "http"

    result = run_node(request("call", f"{scheme}://service.test/"))

    assert result["error_code"] == "REQUEST_FAILED"
    message = result["error_message"]
    assert message.startswith(f"{variable} ")
    assert not re.search("hush|hid|den|12|34|proxy.test|udcff", message)


def test_an_invalid_proxy_leaves_no_trace_of_its_value_in_the_error():
    for value in MALFORMED:
        with pytest.raises(EnvironmentFault) as caught:
            Proxy("HTTP_PROXY", value)
        assert [str(one) for one in exception_causes(caught.value)] == [
            str(caught.value)
        ]


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("p@ss", "p@ss"),
        ("50%", "50%"),
        ("p%zz", "p%zz"),
        ("%23%2F%3F%40%25", "#/?@%"),
        ("p:ss", "p:ss"),
        ("p%C3%A4ss", "päss"),
    ],
)
def test_a_password_of_a_proxy_is_sent_to_it_and_shown_nowhere(
    service, monkeypatch, written, password
):
    monkeypatch.setenv("http_proxy", f"hush:{written}@127.0.0.1:{service.port}")
    get("http://elsewhere.test/echo")
    monkeypatch.setenv("http_proxy", f"hush:{written}@127.0.0.1:{closed_port()}")
    refused = run_node(request("call", "http://elsewhere.test/"))

    sent = service.seen[0]["headers"]["proxy-authorization"]
    assert b64decode(sent.removeprefix("Basic ")).decode() == f"hush:{password}"
    assert refused["error_code"] == "CONNECTION_REFUSED"
    assert "hush" not in refused["error_message"]
    assert written not in refused["error_message"]


def test_an_ipv6_proxy_is_named_with_its_port():
    assert Proxy("ALL_PROXY", "http://hush:hidden@[::1]:80").address == "[::1]:80"


@pytest.mark.parametrize("value", ["long" * 9 + "://proxy.test", "1http://proxy.test"])
def test_a_proxy_with_an_odd_scheme_is_refused(value):
    with pytest.raises(EnvironmentFault):
        Proxy("HTTP_PROXY", value)


def test_a_proxy_for_another_scheme_is_in_nobodys_way(service, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy.test")

    assert get(f"{service.url}/echo").status_code == 200


def test_a_proxy_may_be_named_without_a_scheme(service, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", service.url.removeprefix("http://"))

    assert get("http://elsewhere.test/echo").status_code == 200


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "no certificates"),
        (b"\xff\0", "no certificates"),
    ],
)
def test_certificates_that_are_none_are_said_with_their_variable(
    tmp_path, monkeypatch, content, says
):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(EnvironmentFault, match=rf"^SSL_CERT_FILE is .*{says}"):
        get("https://127.0.0.1:1/")


def test_a_folder_of_certificates_that_is_none_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))

    with pytest.raises(EnvironmentFault, match=r"^SSL_CERT_DIR is .* not a folder"):
        get("https://127.0.0.1:1/")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue_cert("127.0.0.1")


@pytest.fixture
def secure_service(certificate, tmp_path):
    path = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    with Service(certificate=str(path)) as service:
        yield service


@pytest.fixture
def trusting(authority, tmp_path):
    """Return the settings that trust the authority for services."""
    path = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(path)
    return Tls(ca=("--ca-cert", path))


@pytest.fixture
def trust(monkeypatch, tmp_path):
    """Return a function that makes the environment trust an authority."""

    def trust(authority):
        path = str(tmp_path / "trusted.pem")
        authority.cert_pem.write_to_path(path)
        monkeypatch.setenv("SSL_CERT_FILE", path)

    return trust


def test_a_tls_proxy_is_trusted_by_the_certificates_of_the_environment(
    secure_service, certificate, authority, monkeypatch, trust, trusting
):
    trust(authority)
    with tls_proxy(certificate) as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"https://hush:hidden@127.0.0.1:{port}")
        answer = get(f"{secure_service.url}/echo", trusting)

    assert answer.status_code == 200
    assert asked == [("CONNECT", f"127.0.0.1:{secure_service.port}", None)]


def test_a_tls_proxy_for_plain_http_is_trusted_likewise(
    secure_service, authority, monkeypatch, trust
):
    trust(authority)
    monkeypatch.setenv("HTTP_PROXY", secure_service.url)

    assert get("http://elsewhere.test/echo").status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tls_proxy_that_is_not_trusted_is_named_and_not_the_service(
    certificate, monkeypatch, trust, scheme
):
    trust(trustme.CA())
    with tls_proxy(certificate) as (port, asked):
        monkeypatch.setenv("ALL_PROXY", f"https://hush:hidden@127.0.0.1:{port}")
        result = run_node(request("call", f"{scheme}://service.test/"))

    assert asked == []
    assert result["error_code"] == "TLS_ERROR"
    assert result["error_message"].startswith(
        f"The proxy 127.0.0.1:{port} in ALL_PROXY has a certificate that is not trusted"
    )
    assert "Set SSL_CERT_FILE" in result["error_message"]
    assert "hidden" not in result["error_message"]


def test_an_authority_for_services_does_not_vouch_for_proxies(
    certificate, monkeypatch, trusting
):
    with tls_proxy(certificate) as (port, _):
        monkeypatch.setenv("ALL_PROXY", f"https://127.0.0.1:{port}")
        with pytest.raises(ProxyFailed, match="certificate that is not trusted"):
            get("https://service.test/", trusting)


def test_a_proxy_that_speaks_no_tls_is_named(service, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{service.port}")

    result = run_node(request("call", "https://service.test/"))

    named = f"The proxy 127.0.0.1:{service.port} in HTTPS_PROXY failed in TLS"
    assert result["error_message"].startswith(named)
    assert result["error_code"] == "TLS_ERROR"


@pytest.mark.parametrize("value", ["missing", ""])
def test_a_wrong_file_of_certificates_is_named_for_a_tls_proxy(
    monkeypatch, tmp_path, value
):
    path = tmp_path / "ca.pem"
    if not value:
        path.write_text(value)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("HTTP_PROXY", "https://127.0.0.1:1")

    with pytest.raises(EnvironmentFault, match="^SSL_CERT_FILE is "):
        get("http://service.test/")


def test_a_service_behind_a_tls_proxy_is_blamed_for_its_own_certificate(
    distrusted_service, certificate, authority, monkeypatch, trust
):
    trust(authority)
    with tls_proxy(certificate) as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        result = run_node(request("call", f"{distrusted_service.url}/echo"))

    assert len(asked) == 1
    assert result["error_code"] == "TLS_ERROR"
    assert result["error_message"].startswith("The certificate of the service is not")


def test_a_tls_proxy_that_does_not_connect_is_named(
    certificate, authority, monkeypatch, trust
):
    trust(authority)
    with tls_proxy(certificate, status=403) as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        result = run_node(request("call", "https://service.test/"))

    assert result["error_code"] == "CONNECTION_FAILED"
    assert (
        "in HTTPS_PROXY did not connect to service.test: 403"
        in (result["error_message"])
    )


def test_a_client_certificate_is_for_the_service_and_not_for_the_proxy(
    certificate, authority, monkeypatch, trust, tmp_path
):
    trust(authority)
    path = str(tmp_path / "both.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(path)
    ca = str(tmp_path / "trusted.pem")
    with (
        Service(certificate=path, trusts=ca) as mutual,
        tls_proxy(certificate, asks_for=authority) as (port, asked),
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        tls = Tls(certificate=("--client-cert", path))
        answer = get(f"{mutual.url}/echo", tls)

    assert answer.status_code == 200
    assert asked == [("CONNECT", f"127.0.0.1:{mutual.port}", None)]
