"""Messages for TLS and certificate errors of the API."""

import ssl

from echopoint.cli.exception_causes import exception_causes
from echopoint.cli.printable_text import one_line

# OpenSSL's codes for a certificate of another host or address.
WRONG_HOST = {62, 64}


def certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the certificate error among the causes, or None."""
    kind = ssl.SSLCertVerificationError
    return next((c for c in exception_causes(error) if isinstance(c, kind)), None)


def untrusted_message(host: str, fault: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, and what to do."""
    why = one_line(fault.verify_message)
    problem = f"The certificate of {host} is not trusted ({why})."
    if fault.verify_code in WRONG_HOST:
        return f"{problem} Check the API URL (--api-url or ECHOPOINT_API_URL)."
    return (
        f"{problem} Set SSL_CERT_FILE to a PEM file with the certificate of its issuer."
        " Behind a proxy that intercepts TLS, that is the proxy's issuer."
    )


def tls_failed_message(host: str, why: str) -> str:
    return (
        f"TLS with {host} failed ({why}). Check that the API URL (--api-url or"
        " ECHOPOINT_API_URL) is an https URL of a server with TLS."
    )
