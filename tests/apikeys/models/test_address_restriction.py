"""Where a key may be used from: the decision, and changes of the list."""

from datetime import UTC, datetime

import pytest

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.exceptions import (
    AddressNotAllowed,
    FreshSignInRequired,
    InvalidKeyRequest,
    KeyConflict,
    KeyRejected,
)
from apikeys.models import ApiKey, AuditEvent, KeyUsage, NetworkRange, Refusal
from tests.apikeys.forged_keys import forged
from tests.apikeys.refused_responses import assert_refused

SYSTEM = Actor.command("test")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
INSIDE, OUTSIDE = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def stale(alice):
    """Return alice, who signed in long ago."""
    return Actor.person(alice, via="test")


@pytest.fixture
def fresh(alice):
    return Actor.person(alice, via="test", is_fresh=True)


def authenticate(secret, organization, ip):
    return ApiKey.objects.authenticate(
        secret, organization_id=organization.pk, ip=ip, at=NOW
    )


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def test_a_key_without_a_list_is_used_from_anywhere(issue, acme):
    key, secret = issue(at=NOW)

    for ip in (INSIDE, OUTSIDE, "2001:db8::1", None):
        assert authenticate(secret, acme, ip) == key
    assert key.allowed_networks is None
    assert key.effective_networks is None


@pytest.mark.parametrize(
    "ip", [INSIDE, "203.0.113.255", f"::ffff:{INSIDE}", "2001:db8::ffff"]
)
def test_a_listed_address_is_allowed(issue, acme, ip):
    key, secret = issue(at=NOW, allowed_networks=["203.0.113.0/24", "2001:db8::/32"])

    assert authenticate(secret, acme, ip) == key


@pytest.mark.parametrize(
    ("ip", "said"),
    [
        (OUTSIDE, OUTSIDE),
        (f"::ffff:{OUTSIDE}", OUTSIDE),
        ("2001:db9::1", "2001:db9::1"),
        (None, None),
        ("", None),
        ("unknown", None),
    ],
)
def test_any_other_address_is_refused_and_an_unknown_one_too(issue, acme, ip, said):
    _, secret = issue(at=NOW, allowed_networks=["203.0.113.0/24", "2001:db8::/32"])

    with pytest.raises(AddressNotAllowed) as caught:
        authenticate(secret, acme, ip)

    assert (caught.value.code, caught.value.status) == ("IP_NOT_ALLOWED", 403)
    assert caught.value.metadata == {"address": said}
    assert f"may not be used from {said or 'an unknown address'}." in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"entries": ["203.0.113.9"], "networks": []}',
        '{"entries": [], "networks": ["203.0.113.9", "0.0.0.0/0"]}',
        '{"entries": [], "networks": ["203.0.113.9/24"]}',
        '["203.0.113.0/24"]',
        "203.0.113.0/24",
    ],
)
def test_a_malformed_list_allows_no_address(issue, acme, text):
    key, secret = issue(at=NOW)
    ApiKey.objects.filter(pk=key.pk).update(allow_list=text)

    with pytest.raises(AddressNotAllowed):
        authenticate(secret, acme, INSIDE)

    assert stored(key).is_restricted
    assert stored(key).effective_networks == []


def test_a_list_costs_no_query(issue, acme, django_assert_num_queries):
    _, secret = issue(at=NOW, allowed_networks=[INSIDE])

    with django_assert_num_queries(1):
        authenticate(secret, acme, INSIDE)
    with django_assert_num_queries(1), pytest.raises(AddressNotAllowed):
        authenticate(secret, acme, OUTSIDE)


def test_a_wrong_secret_learns_nothing_about_the_list(issue, acme):
    _, secret = issue(at=NOW, allowed_networks=[INSIDE])

    with pytest.raises(KeyRejected) as caught:
        authenticate(forged(secret), acme, OUTSIDE)

    assert caught.value.code == "INVALID_API_KEY"


def test_a_stopped_key_is_refused_for_that(issue, acme):
    key, secret = issue(at=NOW, allowed_networks=[INSIDE])
    key.suspend(by=SYSTEM, at=NOW)

    with pytest.raises(KeyRejected) as caught:
        authenticate(secret, acme, OUTSIDE)

    assert caught.value.code == "API_KEY_SUSPENDED"


def test_the_address_is_compared_before_the_organization(issue, globex):
    _, secret = issue(at=NOW, allowed_networks=[INSIDE])

    with pytest.raises(AddressNotAllowed):
        authenticate(secret, globex, OUTSIDE)


def test_the_api_says_it_and_counts_it(api, issue, acme):
    key, secret = issue("flows:read", allowed_networks=[INSIDE])

    response = api(secret=secret, organization=acme).get("/flows")

    error = assert_refused(response, 403, "IP_NOT_ALLOWED")
    assert error["metadata"] == {"address": "127.0.0.1"}
    assert "WWW-Authenticate" not in response
    write_buffers.flush()
    refusal = Refusal.objects.get()
    assert (refusal.key, refusal.reason) == (key, "IP_NOT_ALLOWED")
    assert refusal.last_ip == "127.0.0.1"
    assert KeyUsage.objects.get().allowed == 0
    assert stored(key).last_used_at is None


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, INSIDE, 403),  # anyone may send the header
        (1, f"{OUTSIDE}, {INSIDE}", 200),
        (1, f"{INSIDE}, {OUTSIDE}", 403),
        (1, f"::ffff:{INSIDE}", 200),
        (1, "", 403),
        (2, INSIDE, 403),
    ],
)
def test_the_address_is_found_behind_the_trusted_proxies(
    api, issue, acme, settings, proxies, forwarded, status
):
    settings.TRUSTED_PROXIES = proxies
    _, secret = issue("flows:read", allowed_networks=[INSIDE])

    response = api(secret=secret, organization=acme).get(
        "/flows", X_Forwarded_For=forwarded
    )

    assert response.status_code == status


def test_the_list_is_kept_by_a_successor(issue, acme):
    key, _ = issue(allowed_networks=[INSIDE])

    successor, _ = key.rotate(by=SYSTEM)

    assert successor.allowed_networks == [INSIDE]
    assert not stored(successor).allows_address(OUTSIDE)


def test_a_change_takes_effect_and_is_audited(issue, acme, fresh):
    key, secret = issue(at=NOW)

    assert key.set_allowed_networks([INSIDE, "2001:db8::/32"], by=fresh)
    with pytest.raises(AddressNotAllowed):
        authenticate(secret, acme, OUTSIDE)
    assert key.set_allowed_networks([OUTSIDE], by=fresh)
    assert authenticate(secret, acme, OUTSIDE) == key
    assert key.set_allowed_networks(None, by=fresh)
    assert authenticate(secret, acme, INSIDE) == key

    events = AuditEvent.objects.filter(action="api_key.networks_changed")
    details = [event.details for event in events.order_by("sequence")]
    assert [(d["before"], d["after"]) for d in details] == [
        (None, [INSIDE, "2001:db8::/32"]),
        ([INSIDE, "2001:db8::/32"], [OUTSIDE]),
        ([OUTSIDE], None),
    ]
    assert events[0].target_id == key.rest_id


def test_the_creation_says_the_list(issue):
    issue(allowed_networks=[INSIDE])

    event = AuditEvent.objects.get(action="api_key.created")
    assert event.details["allowed_networks"] == [INSIDE]


def test_a_change_that_cannot_be_audited_is_not_made(issue, fresh, monkeypatch):
    key, _ = issue()

    def fail(*args, **options):
        raise RuntimeError

    monkeypatch.setattr(AuditEvent.objects, "record", fail)
    with pytest.raises(RuntimeError):
        key.set_allowed_networks([INSIDE], by=fresh)

    assert not stored(key).is_restricted


def test_the_same_list_again_changes_nothing(issue, fresh):
    key, _ = issue(allowed_networks=[INSIDE])

    assert not key.set_allowed_networks([f"{INSIDE}/32"], by=fresh)

    assert not AuditEvent.objects.filter(action="api_key.networks_changed").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.1.0.0/16"]),
        (["10.0.0.0/8", "::1"], ["::1", "10.0.0.0/9", "10.128.0.0/9"]),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/8"]),
        (["Office", INSIDE], [INSIDE]),
        (["192.0.2.0/24"], ["Office"]),
    ],
)
def test_a_narrower_list_needs_no_recent_sign_in(issue, acme, stale, before, after):
    NetworkRange.objects.add(acme, name="Office", networks=["192.0.2.0/25"], by=SYSTEM)
    key, _ = issue(allowed_networks=before)

    key.set_allowed_networks(after, by=stale)

    assert stored(key).allowed_networks == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["10.0.0.0/8"], None),
        (["10.1.0.0/16"], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.1"]),
        (["10.0.0.0/8"], ["::1"]),
        (["10.0.0.1", "10.0.0.3"], ["10.0.0.0/30"]),
        (["192.0.2.0/26"], ["Office"]),
    ],
)
def test_a_wider_list_needs_a_recent_sign_in(issue, acme, stale, fresh, before, after):
    NetworkRange.objects.add(acme, name="Office", networks=["192.0.2.0/25"], by=SYSTEM)
    key, _ = issue(allowed_networks=before)

    with pytest.raises(FreshSignInRequired):
        key.set_allowed_networks(after, by=stale)

    assert stored(key).allowed_networks == before
    key.set_allowed_networks(after, by=fresh)
    assert stored(key).allowed_networks == after


def test_a_list_in_place_of_a_malformed_one_is_wider(issue, stale, fresh):
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(allow_list="broken")
    key = stored(key)

    with pytest.raises(FreshSignInRequired):
        key.set_allowed_networks([INSIDE], by=stale)

    key.set_allowed_networks([INSIDE], by=fresh)
    assert stored(key).allows_address(INSIDE)


def test_what_is_wider_is_judged_by_the_row_and_not_by_the_page(issue, stale, fresh):
    key, _ = issue(allowed_networks=["10.0.0.0/8"])
    opened_before = stored(key)
    key.set_allowed_networks(["10.1.0.0/16"], by=fresh)

    with pytest.raises(FreshSignInRequired):
        opened_before.set_allowed_networks(["10.0.0.0/9"], by=stale)


def test_the_list_of_a_revoked_key_is_final(issue):
    key, _ = issue()
    key.revoke(by=SYSTEM)

    with pytest.raises(KeyConflict, match="revoked"):
        key.set_allowed_networks([INSIDE], by=SYSTEM)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([], "An empty list would allow no address."),
        ([f"10.0.0.{n}" for n in range(51)], "at most 50 entries; these are 51"),
        (["203.0.113.9/24"], "Write 203.0.113.0/24 for the network"),
        (["0.0.0.0/0"], "“0.0.0.0/0” is every IPv4 address"),
        (["0.0.0.0/1", "128.0.0.0/1"], "Together these are every IPv4 address"),
        ([INSIDE, INSIDE], f"{INSIDE} is listed twice"),
        ([INSIDE, f"::ffff:{INSIDE}"], f"{INSIDE} is listed twice"),
        (["10.0.0.0/8", "10.1.1.1"], "10.1.1.1 is part of 10.0.0.0/8"),
        (["Office"], "“Office” is neither a network"),
        (["Off\x00ice"], "is neither a network"),
        ([""], "“” is not a network"),
        (["x" * 5000], f"“{'x' * 60}” is neither"),
        (["10.0.0.0/8/" + "9" * 5000], "has no valid prefix"),
    ],
)
def test_an_invalid_list_is_refused_with_the_entry(issue, entries, why):
    key, _ = issue()

    with pytest.raises(InvalidKeyRequest) as caught:
        key.set_allowed_networks(entries, by=SYSTEM)

    assert why in caught.value.message
    assert caught.value.field == "allowed_networks"
    assert not stored(key).is_restricted


def test_another_organizations_range_is_unknown(issue, globex):
    NetworkRange.objects.add(globex, name="Office", networks=[INSIDE], by=SYSTEM)

    with pytest.raises(InvalidKeyRequest, match="“Office” is neither"):
        issue(allowed_networks=["Office"])


def test_a_key_in_a_list_is_not_repeated(issue):
    key, secret = issue()

    for entry in (secret, f"{secret}/24", secret[:60]):
        with pytest.raises(InvalidKeyRequest) as caught:
            key.set_allowed_networks([entry], by=SYSTEM)
        assert secret[25:50] not in caught.value.message
