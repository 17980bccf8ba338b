"""Keys that were not issued."""

from apikeys import tokens


def forged(secret):
    """Return the key with another secret and the right checksum."""
    body = secret[: -tokens.CRC_LENGTH]
    body = body[:-1] + ("0" if body[-1] != "0" else "1")
    return body + tokens.checksum(body)
