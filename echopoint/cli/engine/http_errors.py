"""Map errors of httpx to node failures, by their underlying cause."""

import socket
import ssl

import httpx

from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.exception_causes import exception_causes
from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed

# Texts of httpx and h11 for a connection that the service closed too early.
HUNG_UP = ("disconnected", "closed connection")


def failure_of(error: Exception) -> NodeFailed:
    """Return the node failure for an error that httpx raised or passed through."""
    causes = list(exception_causes(error))
    for cause in causes:
        if isinstance(cause, EnvironmentFault):
            return NodeFailed("REQUEST_FAILED", str(cause))
        if isinstance(cause, ProxyFailed):
            return NodeFailed(_proxy_code(causes), str(cause))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return NodeFailed("TLS_ERROR", _tls_message(cause))
        if isinstance(cause, socket.gaierror):
            return NodeFailed(
                "DNS_RESOLUTION_FAILED",
                f"The host name could not be resolved ({cause.strerror}). "
                "Check the host in the URL.",
            )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return NodeFailed(
            "CONNECTION_REFUSED",
            "The connection was refused. Check the port, and that the service is running.",
        )
    return _by_kind(error)


def _proxy_code(causes: list[BaseException]) -> str:
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "TLS_ERROR"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "CONNECTION_REFUSED"
    return "CONNECTION_FAILED"


def _by_kind(error: Exception) -> NodeFailed:
    if isinstance(error, httpx.TimeoutException):
        return NodeFailed("REQUEST_TIMEOUT", "The request timed out.")
    if isinstance(error, httpx.NetworkError | OSError) or _is_hang_up(error):
        reason = _reason(error) or "the connection broke"
        return NodeFailed("CONNECTION_FAILED", f"The connection failed: {reason}.")
    return NodeFailed("REQUEST_FAILED", f"The request failed: {_reason(error)}.")


def _is_hang_up(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, httpx.RemoteProtocolError) and any(
        phrase in text for phrase in HUNG_UP
    )


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _tls_message(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of the service is not trusted: {error.verify_message}. "
            "Set SSL_CERT_FILE to a file of trusted certificates."
        )
    return f"TLS failed: {error.reason or error}. Check that the port serves HTTPS."
