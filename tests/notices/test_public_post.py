"""A POST to a tenant's URL reaches public addresses only, and ends in time."""

import time

import pytest
import trustme

from echopoint.notices import public_post
from echopoint.notices.public_post import NotDelivered, is_public, post
from tests.notices.receiver import serve, server_context

BODY = b"{}"


def test_a_post_arrives_and_its_status_is_returned(receiver):
    receiver.status = 204

    assert post(receiver.url, {"webhook-id": "msg_1"}, BODY) == 204

    ((path, headers, body),) = receiver.received
    assert (path, body) == ("/keys", BODY)
    assert headers["webhook-id"] == "msg_1"
    assert headers["Host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    receiver.status, receiver.location = status, receiver.url

    assert post(receiver.url, {}, BODY) == status

    assert len(receiver.received) == 1


def test_a_private_address_is_not_reached(receiver, settings):
    settings.NOTICES_TO_PRIVATE_NETWORKS = False

    with pytest.raises(NotDelivered, match="private network"):
        post(receiver.url, {}, BODY)
    with pytest.raises(NotDelivered, match="private network"):
        post(receiver.url.replace("localhost", "127.0.0.1"), {}, BODY)

    assert receiver.received == []


@pytest.fixture
def resolver(monkeypatch):
    """Return a function that sets what the resolver answers, in turn; it has `asked`."""

    def answers(*turns):
        answers.asked = []
        left = list(turns)

        async def getaddrinfo(loop, host, port, **options):
            answers.asked.append(host)
            return [(None, None, None, "", (ip, port)) for ip in left.pop(0)]

        loop = "asyncio.base_events.BaseEventLoop.getaddrinfo"
        monkeypatch.setattr(loop, getaddrinfo)

    return answers


def test_a_name_is_resolved_once_and_checked(receiver, resolver, settings, monkeypatch):
    """A name that is public when it is checked, and private when it is used."""
    settings.NOTICES_TO_PRIVATE_NETWORKS = False
    checked = []

    def is_public_here(address):
        checked.append(address)
        return True  # the receiver is the public address of this test

    monkeypatch.setattr(public_post, "is_public", is_public_here)
    resolver(["127.0.0.1"], ["10.0.0.1"])

    url = f"https://hooks.example:{receiver.port}/keys"
    assert post(url, {}, BODY) == 200

    assert resolver.asked == ["hooks.example"]
    assert checked == ["127.0.0.1"]


def test_one_private_address_among_public_ones_is_enough_to_refuse(resolver):
    resolver(["93.184.215.14", "10.0.0.1"])

    with pytest.raises(NotDelivered, match="private network"):
        post("https://hooks.example/", {}, BODY)


def test_the_next_address_is_tried(receiver, resolver):
    resolver(["127.0.0.2", "127.0.0.1"])

    assert post(f"https://hooks.example:{receiver.port}/", {}, BODY) == 200


def test_a_name_that_does_not_exist_is_told():
    with pytest.raises(NotDelivered, match="cannot be resolved"):
        post("https://nowhere.invalid/", {}, BODY)


def test_a_receiver_that_drips_is_left_in_time(receiver, monkeypatch):
    monkeypatch.setattr(public_post, "SECONDS", 1)
    receiver.drips.set()
    begun = time.monotonic()

    with pytest.raises(NotDelivered, match="no response within 1 seconds"):
        post(receiver.url, {}, BODY)

    assert time.monotonic() - begun < 30


def test_a_connection_that_is_refused_is_told(receiver):
    receiver.shutdown()
    receiver.server_close()

    with pytest.raises(NotDelivered, match="the connection failed"):
        post(receiver.url, {}, BODY)


def test_the_certificate_must_be_that_of_the_host(receiver, resolver):
    resolver(["127.0.0.1"])

    with pytest.raises(NotDelivered, match="certificate is not trusted"):
        post(f"https://other.example:{receiver.port}/", {}, BODY)

    assert receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_refused(receiver):
    unknown = serve(server_context(trustme.CA().issue_cert("localhost")))
    with pytest.raises(NotDelivered, match="certificate is not trusted"):
        post(f"https://localhost:{unknown.port}/", {}, BODY)
    unknown.shutdown()
    unknown.server_close()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254"),
        *("0.0.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
        *("64:ff9b:1::1", "::10.0.0.1", "240.0.0.1"),
    ],
)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"],
)
def test_an_address_of_the_public_internet_is_allowed(address):
    assert is_public(address)
