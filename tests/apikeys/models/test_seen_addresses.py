"""Addresses of uses and refusals, to compose a list from."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.models import KeyPlace, NetworkRange, Refusal
from apikeys.models.seen_addresses import left_out, refused_addresses, seen_networks
from apikeys.places import CLIENT, Place

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def key(issue):
    return issue()[0]


def used(key, ip, ago, client="curl"):
    KeyPlace.objects.record(key, Place(CLIENT, client, ip), NOW - ago)
    KeyPlace.objects.flush()


def test_uses_are_grouped_by_network_the_latest_first(key):
    used(key, "192.0.2.7", 3 * HOUR)
    used(key, "192.0.2.7", HOUR, client="cron")
    used(key, "2001:db8::1", 2 * HOUR)
    used(key, "2001:db8::2", 4 * HOUR)
    used(key, "", HOUR)

    one, other = seen_networks(key, NOW)

    assert (one.network, one.addresses) == ("192.0.2.7", ("192.0.2.7",))
    assert one.clients == ("cron", "curl")
    assert one.is_one_address
    assert (other.network, other.addresses) == (
        "2001:db8::/64",
        ("2001:db8::1", "2001:db8::2"),
    )
    assert not other.is_one_address


def test_a_list_leaves_out_what_it_does_not_cover(key, acme):
    used(key, "192.0.2.7", HOUR)
    used(key, "2001:db8::1", HOUR)
    used(key, "198.51.100.7", 31 * DAY)
    chosen = NetworkRange.objects.resolve(acme, ["192.0.2.0/24"])

    assert [seen.network for seen in left_out(key, chosen, NOW)] == ["2001:db8::/64"]
    assert left_out(key, None, NOW) == []


def test_refusals_are_summed_by_address(key):
    minute = NOW.replace(second=0, microsecond=0)
    for reason, ago, ip, count in [
        ("IP_NOT_ALLOWED", HOUR, "203.0.113.9", 2),
        ("IP_NOT_ALLOWED", 2 * HOUR, "203.0.113.9", 3),
        ("IP_NOT_ALLOWED", HOUR / 2, "198.51.100.7", 1),
        ("IP_NOT_ALLOWED", 3 * HOUR, None, 1),
        ("IP_NOT_ALLOWED", 31 * DAY, "203.0.113.1", 1),
        ("TOO_MANY_REQUESTS", HOUR, "203.0.113.2", 1),
    ]:
        Refusal.objects.create(
            key=key, reason=reason, minute=minute - ago, count=count, last_ip=ip
        )

    assert [(r.address, r.count) for r in refused_addresses(key, NOW)] == [
        ("198.51.100.7", 1),
        ("203.0.113.9", 5),
    ]
