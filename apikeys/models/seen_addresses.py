"""The addresses from which a key was used or refused, to compose its list from."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Max, Sum
from django.utils import timezone

from apikeys.exceptions import AddressNotAllowed
from apikeys.models.place import SHOWN_FOR, KeyPlace
from apikeys.models.refusal import Refusal
from apikeys.networks import as_text, parse_address, suggested_network
from apikeys.places import client_name

MOST_REFUSED = 10


class SeenNetwork(NamedTuple):
    """A network to suggest, with the uses of a key from it."""

    network: str
    addresses: tuple[str, ...]
    clients: tuple[str, ...]
    last_at: datetime
    is_listed: bool  # whether the key's list has all the addresses

    @property
    def is_one_address(self):
        return self.addresses == (self.network,)


class RefusedAddress(NamedTuple):
    """An address that was not in a key's list, with the requests refused for that.

    `count` is that of the minutes in which this address was the last one.
    """

    address: str
    count: int
    last_at: datetime
    is_listed: bool  # now


def seen_networks(key, at=None):
    """Return the `SeenNetwork`s of the last 30 days, the latest first.

    Those of its predecessor too: a successor is put to use where the old key was.
    """
    uses = {}
    for address, client, last_at in uses_of(key, (at or timezone.now()) - SHOWN_FOR):
        uses.setdefault(as_text(suggested_network(address)), []).append(
            (last_at, str(address), client)
        )
    found = [seen_network(key, network, rows) for network, rows in uses.items()]
    return sorted(found, key=lambda seen: seen.last_at, reverse=True)


def seen_network(key, network, rows):
    """Return the `SeenNetwork` of rows of (time, address, client)."""
    addresses = distinct(rows, 1)
    is_listed = key.is_restricted and all(map(key.allows_address, addresses))
    clients, last_at = distinct(rows, 2), max(rows)[0]
    return SeenNetwork(network, addresses, clients, last_at, is_listed)


def uses_of(key, since):
    """Yield (address, client, time) of each known use since then.

    Pipelines and flows are places without an address; only their last use has one.
    """
    keys = [key, key.rotated_from] if key.rotated_from else [key]
    places = KeyPlace.objects.of(*keys)
    for each in keys:
        known = [(p.address, p.name, p.last_seen_at) for p in places[each.pk]]
        if each.last_used_at:
            client = client_name(each.last_used_user_agent)
            known.append((each.last_used_ip, client, each.last_used_at))
        for text, client, last_at in known:
            address = parse_address(text)
            if address and last_at >= since:
                yield address, client, last_at


def distinct(rows, column):
    """Return the values of a column, the latest first, each once."""
    return tuple(dict.fromkeys(row[column] for row in sorted(rows, reverse=True)))


def left_out(key, chosen, at=None):
    """Return the `SeenNetwork`s that the `AllowList` would refuse, in part or whole."""
    if chosen is None:
        return []
    return [
        seen
        for seen in seen_networks(key, at)
        if any(parse_address(a) not in chosen.coverage for a in seen.addresses)
    ]


def refused_addresses(key, at=None):
    """Return the `RefusedAddress`es of the last 30 days, the latest first.

    Only the last refused address of each minute is stored.
    """
    rows = Refusal.objects.filter(
        key=key,
        reason=AddressNotAllowed.code,
        minute__gte=(at or timezone.now()) - SHOWN_FOR,
        last_ip__isnull=False,
    )
    latest = rows.values("last_ip").annotate(n=Sum("count"), last_at=Max("minute"))
    return [
        RefusedAddress(
            row["last_ip"],
            row["n"],
            row["last_at"],
            is_listed=key.allows_address(row["last_ip"]),
        )
        for row in latest.order_by("-last_at", "last_ip")[:MOST_REFUSED]
    ]
