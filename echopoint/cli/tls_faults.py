"""What is told of an API whose certificate, or whose TLS, is not what it should be."""

import ssl

from echopoint.cli.causes import causes_of
from echopoint.cli.text import one_line

# OpenSSL's codes for a certificate of another host or address.
WRONG_HOST = {62, 64}


def untrusted(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the fault of a certificate that led to the error."""
    kind = ssl.SSLCertVerificationError
    return next((one for one in causes_of(error) if isinstance(one, kind)), None)


def distrust(host: str, fault: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, and what to do about it."""
    why = one_line(fault.verify_message)
    told = f"The certificate of {host} is not trusted ({why})."
    if fault.verify_code in WRONG_HOST:
        return f"{told} Check the address (--api-url or ECHOPOINT_API_URL)."
    return (
        f"{told} Name a PEM file with the certificate of who issued it in SSL_CERT_FILE."
        " Behind a proxy that opens TLS, that is the proxy's."
    )


def no_tls(host: str, why: str) -> str:
    return (
        f"{host} does not speak TLS as it should ({why}). Check that the address"
        " (--api-url or ECHOPOINT_API_URL) is one of https."
    )
