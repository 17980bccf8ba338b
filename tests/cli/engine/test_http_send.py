"""Requests against services that misbehave."""

import base64
import socket
import threading
import time

import pytest

from echopoint.cli.engine import http_send
from tests.cli.echo_server import closed_port
from tests.cli.engine.flows import request, run_node


def failure(url, **data):
    """Return the code and message with which a request of this URL fails."""
    began = time.monotonic()
    result = run_node(request("call", url, **data))
    assert time.monotonic() - began < 5
    assert result["request_url"] == url
    return result["error_code"], result["error_message"]


def test_a_port_on_which_nothing_listens_refuses_the_connection():
    code, message = failure(f"http://127.0.0.1:{closed_port()}/")

    assert code == "CONNECTION_REFUSED"
    assert "Check the port" in message


def test_a_port_of_localhost_on_which_nothing_listens_refuses_too():
    assert failure(f"http://localhost:{closed_port()}/")[0] == "CONNECTION_REFUSED"


def test_a_host_without_an_address_is_not_resolved():
    code, message = failure("http://no-such-host.invalid/")

    assert code == "DNS_RESOLUTION_FAILED"
    assert "Check the host in the URL" in message


def test_a_name_server_that_does_not_answer_runs_into_the_timeout(monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answer.wait(8))

    code, _ = failure("http://slow-to-resolve.invalid/", timeout=200)

    assert code == "REQUEST_TIMEOUT"
    answer.set()


def test_an_untrusted_certificate_is_a_tls_error(distrusted_service):
    code, message = failure(f"{distrusted_service.url}/echo")

    assert code == "TLS_ERROR"
    assert "not trusted: self-signed certificate" in message
    assert distrusted_service.seen == []


def test_a_certificate_that_the_environment_vouches_for_is_trusted(
    distrusted_service, tmp_path, monkeypatch
):
    # Without a subjectAltName the certificate is valid for no host.
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))

    code, message = failure(f"{distrusted_service.url}/echo")

    assert code == "TLS_ERROR"
    assert "IP address mismatch" in message


def test_a_port_without_tls_is_a_tls_error(service):
    code, message = failure(service.url.replace("http:", "https:") + "/echo")

    assert code == "TLS_ERROR"
    assert "Check that the port serves HTTPS" in message


@pytest.mark.parametrize("path", ["silent", "drip"])
def test_a_service_that_never_ends_its_answer_runs_into_the_timeout(service, path):
    code, message = failure(f"{service.url}/{path}", timeout=300)

    assert code == "REQUEST_TIMEOUT"
    assert message == "No complete response arrived within 300 ms."


def test_the_timeout_is_for_all_redirects_together(service):
    url = f"{service.url}/redirect-to?url=/slow?ms=400"

    assert failure(url, timeout=300)[0] == "REQUEST_TIMEOUT"
    assert "error_code" not in run_node(request("call", url, timeout=3000))


def test_a_timeout_of_nothing_is_the_default(service):
    result = run_node(request("call", f"{service.url}/slow?ms=50", timeout=0))

    assert result["response_status_code"] == 200
    assert http_send.DEFAULT_TIMEOUT == 30_000


def test_a_body_without_end_is_read_to_the_bound(service):
    code, message = failure(f"{service.url}/endless")

    assert code == "REQUEST_FAILED"
    assert "larger than 10 MiB" in message


@pytest.mark.parametrize("times", [1, 2])
def test_a_body_that_grows_when_it_is_decoded_is_read_to_the_bound(service, times):
    code, message = failure(f"{service.url}/bomb?size=50000000&times={times}")

    assert code == "REQUEST_FAILED"
    assert "larger than 10 MiB" in message


def test_a_compressed_body_is_decoded(service):
    result = run_node(request("call", f"{service.url}/bomb?size=3000&times=2"))

    assert base64.b64decode(result["response_body"]) == b"\0" * 3000


def test_a_connection_that_ends_amid_the_body_has_failed(service):
    code, message = failure(f"{service.url}/half")

    assert code == "CONNECTION_FAILED"
    assert "closed connection" in message


def test_a_connection_that_ends_without_an_answer_has_failed(service):
    assert failure(f"{service.url}/hang-up")[0] == "CONNECTION_FAILED"


def test_an_answer_that_is_no_http_fails_the_request(service):
    assert failure(f"{service.url}/garbage")[0] == "REQUEST_FAILED"


def test_a_redirect_loop_ends(service):
    code, message = failure(f"{service.url}/loop")

    assert code == "REQUEST_FAILED"
    assert "more than 10 redirects" in message
    assert len(service.seen) == 11


def test_ten_redirects_are_followed(service):
    result = run_node(request("call", f"{service.url}/redirect/10"))

    assert result["response_body_parsed"]["path"] == "/echo"


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://h/", "http://h:x/"])
def test_a_redirect_to_no_http_url_fails_the_request(service, where):
    assert failure(f"{service.url}/redirect-to?url={where}")[0] == "REQUEST_FAILED"


def test_certificates_that_cannot_be_read_fail_the_nodes_that_need_them(
    service, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    secure = service.url.replace("http:", "https:")

    result = run_node(request("call", f"{secure}/echo"))

    assert result["error_code"] == "REQUEST_FAILED"
    assert "SSL_CERT_FILE is" in result["error_message"]
    assert "error_code" not in run_node(request("call", f"{service.url}/echo"))
