"""Networks: what can be listed, what a list covers, and how it is stored."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.networks import (
    AllowList,
    Coverage,
    InvalidNetwork,
    as_text,
    parse_address,
    parse_network,
    read_allow_list,
    suggested_network,
)

NETWORKS = st.one_of(
    st.ip_addresses(network="192.0.2.0/28"), st.ip_addresses(network="2001:db8::/124")
).flatmap(
    lambda address: st.integers(1, 4).map(
        lambda bits: ip_network((address, address.max_prefixlen - bits), strict=False)
    )
)


def coverage(*texts):
    return Coverage(map(parse_network, texts))


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9/32", "203.0.113.9"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
    ],
)
def test_a_network_has_one_spelling(text, listed):
    assert as_text(parse_network(text)) == listed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a network"),
        ("Office", "is not a network"),
        ("10.0.0.1-10.0.0.9", "is not a network"),
        ("10.0.0", "is not a network"),
        ("010.0.0.1", "is not a network"),
        ("١٠.0.0.1", "is not a network"),
        (" 10.0.0.1", "is not a network"),
        ("[2001:db8::1]", "is not a network"),
        ("10.0.0.1:443", "is not a network"),
        ("203.0.113.9/24", "Write 203.0.113.0/24 for the network, or 203.0.113.9"),
        ("2001:db8::1/64", "Write 2001:db8::/64 for the network, or 2001:db8::1"),
        ("::ffff:203.0.113.9/120", "Write 203.0.113.0/24 for the network"),
        ("0.0.0.0/0", "is every IPv4 address"),
        ("203.0.113.9/0", "is every IPv4 address"),
        ("::/0", "is every IPv6 address"),
        ("::ffff:0:0/96", "is every IPv4 address"),
        ("10.0.0.0/33", "a number of 1 to 32"),
        ("10.0.0.0/", "a number of 1 to 32"),
        ("10.0.0.0/08", "a number of 1 to 32"),
        ("10.0.0.0/255.0.0.0", "a number of 1 to 32"),
        ("10.0.0.0/8/8", "a number of 1 to 32"),
        ("2001:db8::/٣", "a number of 1 to 128"),
        ("fe80::1%eth0", "has a zone"),
    ],
)
def test_what_is_not_a_network_is_refused_with_the_reason(text, why):
    with pytest.raises(InvalidNetwork, match=why):
        parse_network(text)


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [
        ("203.0.113.0", True),
        ("203.0.113.255", True),
        ("203.0.114.0", False),
        ("203.0.112.255", False),
        ("::ffff:203.0.113.9", True),
        ("::ffff:203.0.114.9", False),
        ("2001:db8::ffff", True),
        ("2001:db9::", False),
        # The numbers of these IPv6 addresses are those of listed IPv4 addresses.
        ("::203.0.113.9", False),
        ("0.0.0.1", False),
        ("::", False),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", False),
    ],
)
def test_a_coverage_has_the_addresses_of_its_networks_alone(address, is_inside):
    found = coverage("203.0.113.0/24", "2001:db8::/32")

    assert (parse_address(address) in found) == is_inside


def test_an_empty_coverage_has_no_address():
    assert parse_address("192.0.2.1") not in Coverage([])


@given(st.lists(NETWORKS), st.lists(NETWORKS))
def test_a_coverage_says_what_its_networks_say(some, others):
    one, other = Coverage(some), Coverage(others)

    inside = {a for network in some for a in network}
    elsewhere = {a for network in others for a in network}
    assert all(address in one for address in inside)
    assert not any(address in one for address in elsewhere - inside)
    assert one.covers(other) == (elsewhere <= inside)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_an_address_is_compared_as_ipv4_if_it_can_be(text, address):
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize("text", [None, "", "unknown", "192.0.2.1/32", "192.0.2.1:80"])
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


def test_a_list_is_stored_and_read_back():
    networks = map(parse_network, ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::1"])
    chosen = AllowList.of(["Büro", "2001:db8::1"], networks)

    found = read_allow_list(chosen.stored)

    assert found.entries == ("Büro", "2001:db8::1")
    assert found.networks == ("192.0.2.0/24", "2001:db8::1")
    assert parse_address("192.0.2.200") in found.coverage


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "null",
        "[]",
        "{}",
        "7",
        '"192.0.2.1"',
        '{"entries": []}',
        '{"networks": ["192.0.2.1"]}',
        '{"entries": null, "networks": ["192.0.2.1"]}',
        '{"entries": [], "networks": null}',
        '{"entries": [], "networks": [3221225985]}',
        '{"entries": [], "networks": [null]}',
        '{"entries": [7], "networks": ["192.0.2.1"]}',
        '{"entries": [], "networks": ["192.0.2.1", "0.0.0.0/0"]}',
        '{"entries": [], "networks": ["192.0.2.1", "x"]}',
        '{"entries": [], "networks": "192.0.2.1"}',
        '{"entries": [], "networks": ["192.0.2.1"]',
        "[" * 100_000,
    ],
)
def test_a_malformed_list_is_none(stored):
    assert read_allow_list(stored) is None


def test_a_client_is_suggested_by_its_address_or_its_ipv6_network():
    assert str(suggested_network(ip_address("192.0.2.1"))) == "192.0.2.1/32"
    assert str(suggested_network(ip_address("2001:db8::1"))) == "2001:db8::/64"
