"""The shipped nginx configuration: slow clients, large bodies, and a site that is down."""

import json
import socket
import ssl
import time
from contextlib import ExitStack

import pytest

from tests.faults.load import INSECURE
from tests.faults.services import until

HALF_OPEN = 200
AWAY = 503


def connected(port, stack):
    """Return a TLS connection to nginx."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return stack.enter_context(INSECURE.wrap_socket(plain, server_hostname="localhost"))


def test_half_open_sockets_hold_nothing(fault, nginx, through_nginx):
    """Each kind of slowness: no request, half a header, half a body, no reading."""
    webhook = json.loads(through_nginx.send("/webhooks", {"name": "Slow"})[2])["id"]
    kinds = [
        b"",
        b"GET /flows HTTP/1.1\r\nHost: localhost\r\nX-Ap",
        b"POST /webhook/%b HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 100000\r\n\r\nhalf" % webhook.encode(),
    ]
    what = f"{HALF_OPEN} half-open sockets, through nginx"
    with fault(what, at=through_nginx.url) as client, ExitStack() as stack:
        for n in range(HALF_OPEN // 2):
            # nginx accepts 100 connections per address and drops the others before TLS.
            connection = connected(nginx.port, stack) if n < 60 else None
            if connection:
                connection.sendall(kinds[n % len(kinds)])
            plain = socket.create_connection(("127.0.0.1", nginx.port), timeout=30)
            stack.enter_context(plain)
        begun = time.monotonic()
        for _ in range(30):
            assert client.send("/flows")[0] == 200
        assert time.monotonic() - begun < 30
    assert client.slowest < 10


def raw(port, request):
    """Send the bytes to nginx; return (status, body)."""
    with ExitStack() as stack:
        connection = connected(port, stack)
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
            if complete(answer):
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body.decode()


def complete(answer):
    head, found, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    return bool(found) and bool(length) and len(body) >= length[0]


REFUSED = {
    "a body that is too large": (
        b"POST /webhook/wh_x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        (413, "PAYLOAD_TOO_LARGE"),
    ),
    "an address that is too long": (
        b"GET /flows?" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        (414, "URI_TOO_LONG"),
    ),
    "headers that are too large": (
        b"GET /flows HTTP/1.1\r\nHost: localhost\r\nX-A: "
        + b"x" * 20_000
        + b"\r\n\r\n",
        (431, "HEADERS_TOO_LARGE"),
    ),
    "a request without a host": (
        b"GET /flows HTTP/1.1\r\n\r\n",
        (400, "BAD_REQUEST"),
    ),
    "a malformed header": (
        b"GET /flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        (400, "BAD_REQUEST"),
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_nginx_refuses_itself_has_the_envelope(nginx, kind):
    request, expected = REFUSED[kind]

    status, head, body = raw(nginx.port, request)

    (error,) = json.loads(body)["errors"]
    assert (status, error["code"]) == expected
    assert "application/json" in head


def test_a_site_that_is_away_is_said_to_be_in_the_readers_form(site, through_nginx):
    site.stop()
    try:
        status, headers, text = through_nginx.send("/flows")
        assert (status, headers["Retry-After"]) == (AWAY, "5")
        (error,) = json.loads(text)["errors"]
        assert error["code"] == "UNAVAILABLE"
        status, headers, text = through_nginx.send("/orgs/", Accept="text/html,*/*")
        assert (status, headers["Retry-After"]) == (AWAY, "5")
        assert headers["Content-Type"].startswith("text/html")
        assert "does not answer" in text
    finally:
        site.start()


def test_what_a_runner_publishes_passes(through_nginx, site):
    """Results may exceed the limit of other bodies, and Echopoint decides."""
    body = {"padding": "x" * 7 * 1024 * 1024}

    status, _, text = through_nginx.send(
        "/runner/ephemeral/executions/00000000-0000-0000-0000-000000000000/complete",
        body,
    )

    assert status in {400, 404}
    assert json.loads(text)["errors"]


def test_the_address_of_a_client_arrives(through_nginx, site):
    webhook = json.loads(through_nginx.send("/webhooks", {"name": "Address"})[2])["id"]

    forged = {"X-Forwarded-For": "203.0.113.9"}
    assert through_nginx.send(f"/webhook/{webhook}", {}, **forged)[0] == 200

    addresses = "SELECT ip_address FROM webhooks_capturedrequest WHERE webhook_id = %s"
    assert site.postgresql.column(addresses, webhook) == {"127.0.0.1"}


def test_the_access_log_has_no_key(nginx, through_nginx, site):
    pasted = {"Referer": f"http://x/?k={site.secret}", "User-Agent": site.secret}

    assert through_nginx.send(f"/flows?key={site.secret}", **pasted)[0] in {200, 400}

    through_nginx.send("/accounts/password/reset/key/abc-t0k3n/")

    log = nginx.folder / "access.log"
    # nginx writes its log after the response.
    last = "/accounts/password/reset/key/..."
    until(lambda: last in log.read_text(), "the last request is logged")
    logged = log.read_text()
    assert " GET /flows " in logged
    assert "t0k3n" not in logged
    assert site.secret not in logged


def test_the_shipped_configuration_speaks_only_modern_tls(nginx):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with (
        socket.create_connection(("127.0.0.1", nginx.port)) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain, server_hostname="localhost")
