"""Base62: the alphabet of ids and secrets, and the checksum at the end of a key."""

import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CRC_LENGTH = 6


def checksum(body: str) -> str:
    """Return the CRC-32 of `body` in base62, six characters."""
    number = zlib.crc32(body.encode())
    digits = ""
    while number:
        number, digit = divmod(number, len(BASE62))
        digits = BASE62[digit] + digits
    return digits.rjust(CRC_LENGTH, BASE62[0])
