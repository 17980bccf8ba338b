"""Lists of networks as people send them: limits, and errors that name the entry."""

import re

from apikeys.exceptions import InvalidKeyRequest
from apikeys.networks import (
    InvalidNetwork,
    Network,
    parse_network,
    require_new,
    require_some_left_out,
)
from echopoint.core.redaction import cleaned

MAX_ENTRIES = 50  # per list
MAX_QUOTED = 60  # characters
# A text that is meant as a network, whether or not it is one. Names of ranges never are.
LIKE_A_NETWORK = re.compile(r"[0-9.]*|.*[/:].*", re.DOTALL)
SEPARATORS = re.compile(r"[\n,]")


def split_entries(text: str) -> list[str]:
    """Return the entries of a text with one on each line, or separated by commas."""
    return [entry for part in SEPARATORS.split(text) if (entry := part.strip())]


def parse_entries(entries: list[str], *, field: str) -> list[Network]:
    """Return the networks of a list without names; raise `InvalidKeyRequest`."""
    require_count(entries, field=field)
    networks: list[Network] = []
    for entry in entries:
        networks.append(parse_entry(entry, networks, field=field))
    require_restriction(networks, field=field)
    return networks


def require_count(entries: list[str], *, field: str) -> None:
    """Raise `InvalidKeyRequest` unless the list has 1 to `MAX_ENTRIES` entries."""
    if not entries:
        raise InvalidKeyRequest(field, "An empty list would allow no address.")
    if len(entries) > MAX_ENTRIES:
        raise InvalidKeyRequest(
            field,
            f"A list takes at most {MAX_ENTRIES} entries; these are {len(entries)}. Name"
            " networks that belong together in a range, or list a larger network.",
            metadata={"maxItems": MAX_ENTRIES},
        )


def parse_entry(entry: str, others: list[Network], *, field: str) -> Network:
    """Return the network, which adds to the others of its list.

    Raise `InvalidKeyRequest`, which repeats no secret.
    """
    try:
        network = parse_network(entry)
    except InvalidNetwork as error:
        raise InvalidKeyRequest(field, f"{quote(entry)} {error}.") from None
    try:
        require_new(network, others)
    except InvalidNetwork as error:
        raise InvalidKeyRequest(field, str(error)) from None
    return network


def require_restriction(networks: list[Network], *, field: str) -> None:
    """Raise `InvalidKeyRequest` if the networks together are all addresses."""
    try:
        require_some_left_out(networks)
    except InvalidNetwork as error:
        raise InvalidKeyRequest(field, str(error)) from None


def quote(text: str) -> str:
    """Return the start of a text from a person, for a message about it."""
    return f"“{cleaned(text)[:MAX_QUOTED]}”"
