"""Named ranges: their names and networks, and the keys that refer to them."""

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import FreshSignInRequired, InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, AuditEvent, NetworkRange
from apikeys.models.network_range import MAX_NAMES, MAX_RANGES
from tests.core.keys import KEY

SYSTEM = Actor.command("test")
OFFICE, RUNNERS = "192.0.2.0/24", "198.51.100.0/24"


@pytest.fixture
def add(acme):
    def add(name, *networks, organization=acme):
        return NetworkRange.objects.add(
            organization, name=name, networks=list(networks), by=SYSTEM
        )

    return add


@pytest.fixture
def office(add):
    return add("Office", OFFICE)


@pytest.fixture
def stale(alice):
    return Actor.person(alice, via="test")


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def details(action):
    event = AuditEvent.objects.get(action=f"network_range.{action}")
    return event.details, (event.target_type, event.target_label)


def test_a_key_allows_the_networks_of_the_ranges_in_its_list(issue, office, add):
    add("GitHub runners", RUNNERS, "2001:db8::/32")

    key, _ = issue(allowed_networks=["Office", "203.0.113.9", "GitHub runners"])

    assert key.allowed_networks == ["Office", "203.0.113.9", "GitHub runners"]
    for ip in ("192.0.2.1", "203.0.113.9", "198.51.100.1", "2001:db8::1"):
        assert key.allows_address(ip)
    assert not key.allows_address("203.0.113.8")


@pytest.mark.parametrize("spelling", ["office", "OFFICE", "Ｏffice"])
def test_a_name_is_found_in_any_spelling_and_stored_in_the_ranges(
    issue, office, spelling
):
    key, _ = issue(allowed_networks=[spelling])

    assert key.allowed_networks == ["Office"]


def test_a_range_may_overlap_with_other_entries(issue, office):
    key, _ = issue(allowed_networks=["192.0.2.7", "Office"])

    assert key.effective_networks == [OFFICE]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "Give the range a name"),
        (" ", "Give the range a name"),
        (" Office", "Remove the spaces"),
        ("x" * 61, "at most 60 characters; these are 61"),
        ("192.0.2.1", "a name with a letter"),
        ("42", "a name with a letter"),
        ("a:b", "without commas, colons and slashes"),
        ("a/b", "without commas, colons and slashes"),
        ("a, b", "without commas, colons and slashes"),
        ("a\nb", "Use one line"),
        (KEY[:60], "looks like an API key"),
    ],
)
def test_an_invalid_name_is_refused(add, name, why):
    with pytest.raises(InvalidKeyRequest) as caught:
        add(name, OFFICE)

    assert why in caught.value.message
    assert caught.value.field == "name"


@pytest.mark.parametrize(
    ("networks", "why"),
    [
        ([], "An empty list"),
        (["Office"], "is not a network"),
        (["192.0.2.1/24"], "Write 192.0.2.0/24"),
        (["10.0.0.0/8", "10.0.0.0/9"], "is part of"),
        ([f"10.0.0.{n}" for n in range(51)], "at most 50 entries"),
    ],
)
def test_invalid_networks_are_refused(add, office, networks, why):
    with pytest.raises(InvalidKeyRequest) as added:
        add("Home", *networks)
    with pytest.raises(InvalidKeyRequest) as changed:
        office.change(networks, by=SYSTEM)

    assert why in added.value.message
    assert why in changed.value.message
    assert added.value.field == changed.value.field == "networks"


def test_a_name_is_unique_in_an_organization(add, office, globex):
    add("Office", OFFICE, organization=globex)

    with pytest.raises(InvalidKeyRequest, match="has this name"):
        add("OFFICE", RUNNERS)


def test_the_number_of_ranges_is_bounded(add, acme, globex):
    rows = [
        NetworkRange(organization=acme, name=f"r{n}", networks=[OFFICE])
        for n in range(MAX_RANGES)
    ]
    NetworkRange.objects.bulk_create(rows)

    with pytest.raises(KeyConflict, match="at most 50 named ranges"):
        add("one more", RUNNERS)

    add("Office", OFFICE, organization=globex)


def test_the_names_in_a_list_are_bounded_and_distinct(issue, add):
    names = [add(f"range {n}", f"10.{n}.0.0/16").name for n in range(MAX_NAMES + 1)]
    issue(allowed_networks=names[1:])

    with pytest.raises(InvalidKeyRequest, match="at most 10 ranges; these are 11"):
        issue(allowed_networks=names)
    with pytest.raises(InvalidKeyRequest, match="“range 1” is listed twice"):
        issue(allowed_networks=["range 1", "Range 1"])


def test_ranges_that_are_everything_together_are_no_list(issue, add):
    add("low", "0.0.0.0/1")
    add("high", "128.0.0.0/1")

    with pytest.raises(InvalidKeyRequest, match="every IPv4 address"):
        issue(allowed_networks=["low", "high"])


def test_a_change_reaches_the_keys_that_refer_to_the_range(issue, add, office, globex):
    add("Office", OFFICE, organization=globex)
    mine, _ = issue(allowed_networks=["Office", "203.0.113.9"])
    successor, _ = mine.rotate(by=SYSTEM)
    other, _ = issue(allowed_networks=["192.0.2.7"])
    theirs, _ = issue(allowed_networks=["Office"], organization=globex)
    open_key, _ = issue()
    revoked, _ = issue(allowed_networks=["Office"])
    revoked.revoke(by=SYSTEM)

    assert office.change([RUNNERS], by=SYSTEM)

    for key in (mine, successor):
        assert stored(key).allows_address("198.51.100.1")
        assert stored(key).allows_address("203.0.113.9")
        assert not stored(key).allows_address("192.0.2.7")
        assert stored(key).allowed_networks == ["Office", "203.0.113.9"]
    assert stored(other).effective_networks == ["192.0.2.7"]
    assert stored(theirs).effective_networks == [OFFICE]
    assert not stored(open_key).is_restricted
    assert details("changed") == (
        {"via": "command", "before": [OFFICE], "after": [RUNNERS], "keys": 2},
        ("network_range", "Office"),
    )


def test_a_name_within_another_is_another_range(issue, add, office):
    add("Office Berlin", RUNNERS)
    key, _ = issue(allowed_networks=["Office Berlin"])

    office.change(["10.0.0.0/8"], by=SYSTEM)

    assert stored(key).effective_networks == [RUNNERS]
    assert office.keys() == []


def test_the_same_networks_change_nothing(issue, office):
    assert not office.change([OFFICE], by=SYSTEM)

    assert not AuditEvent.objects.filter(action="network_range.changed").exists()


@pytest.mark.parametrize(
    ("networks", "is_wider"),
    [
        (["192.0.2.0/25"], False),
        (["192.0.2.0/25", "192.0.2.128/25"], False),
        ([OFFICE, RUNNERS], True),
        (["192.0.0.0/16"], True),
        ([RUNNERS], True),
    ],
)
def test_only_a_wider_range_needs_a_recent_sign_in(
    office, stale, alice, networks, is_wider
):
    if is_wider:
        with pytest.raises(FreshSignInRequired):
            office.change(networks, by=stale)
        assert NetworkRange.objects.get().networks == [OFFICE]
        stale = Actor.person(alice, via="test", is_fresh=True)

    assert office.change(networks, by=stale)

    assert NetworkRange.objects.get().networks == networks


def test_a_change_that_cannot_be_audited_is_not_made(issue, office, monkeypatch):
    key, _ = issue(allowed_networks=["Office"])

    def fail(*args, **options):
        raise RuntimeError

    monkeypatch.setattr(AuditEvent.objects, "record", fail)
    with pytest.raises(RuntimeError):
        office.change([RUNNERS], by=SYSTEM)

    assert NetworkRange.objects.get().networks == [OFFICE]
    assert stored(key).effective_networks == [OFFICE]


def test_a_range_in_use_is_not_deleted(issue, office):
    (key, _), (other, _) = (issue(allowed_networks=["Office"]) for _ in range(2))

    with pytest.raises(KeyConflict, match=f"The list of {key.name} and 1 more refers"):
        office.remove(by=SYSTEM)

    key.revoke(by=SYSTEM)
    other.set_allowed_networks(None, by=SYSTEM)
    office.remove(by=SYSTEM)
    assert not NetworkRange.objects.exists()
    assert details("deleted")[0] == {"via": "command", "networks": [OFFICE]}
    office.remove(by=SYSTEM)
    assert details("deleted")


def test_a_range_that_was_deleted_is_not_changed(office):
    NetworkRange.objects.get().remove(by=SYSTEM)

    with pytest.raises(KeyConflict, match="was deleted"):
        office.change([RUNNERS], by=SYSTEM)


def test_a_range_that_is_gone_allows_nothing(issue, add, office):
    add("Home", RUNNERS)
    key, _ = issue(allowed_networks=["Office", "Home"])
    NetworkRange.objects.filter(name="Office").delete()

    NetworkRange.objects.get(name="Home").change(["10.0.0.0/8"], by=SYSTEM)

    assert stored(key).effective_networks == ["10.0.0.0/8"]


@pytest.mark.parametrize("networks", [None, 7, "192.0.2.1", ["192.0.2.1", "x"], [7]])
def test_a_malformed_range_allows_nothing(office, networks):
    office.networks = networks

    assert office.parsed == []


def test_a_key_with_a_malformed_list_is_left_as_it_is(issue, office):
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(allow_list='["Office"')

    office.change([RUNNERS], by=SYSTEM)

    assert stored(key).allow_list == '["Office"'


def test_the_creation_is_audited(office):
    assert details("created") == (
        {"via": "command", "networks": [OFFICE]},
        ("network_range", "Office"),
    )


# Concurrent changes, on PostgreSQL


@pytest.mark.postgresql
def test_a_key_that_is_issued_during_a_change_gets_the_new_networks(
    committing, meanwhile, issue, office
):
    key, _ = meanwhile(
        lambda: office.change([RUNNERS], by=SYSTEM),
        lambda: issue(allowed_networks=["Office"]),
    )

    assert stored(key).effective_networks == [RUNNERS]


@pytest.mark.postgresql
@pytest.mark.parametrize("change", ["issue", "set", "rotate"])
def test_a_change_reaches_a_key_that_is_about_to_refer_to_the_range(
    committing, meanwhile, issue, office, change
):
    key, _ = issue(allowed_networks=["Office"] if change == "rotate" else None)
    changes = {
        "issue": lambda: issue(allowed_networks=["Office"]),
        "set": lambda: key.set_allowed_networks(["Office"], by=SYSTEM),
        "rotate": lambda: stored(key).rotate(by=SYSTEM),
    }
    again = NetworkRange.objects.get()

    meanwhile(changes[change], lambda: again.change([RUNNERS], by=SYSTEM))

    lists = [
        k.effective_networks for k in ApiKey.objects.filter(allow_list__isnull=False)
    ]
    assert lists == [[RUNNERS]] * (2 if change == "rotate" else 1)


@pytest.mark.postgresql
def test_of_two_ranges_that_change_at_once_a_key_has_both(
    committing, at_once, issue, add, office
):
    home = add("Home", "203.0.113.0/24")
    key, _ = issue(allowed_networks=["Office", "Home"])
    changed = [(office, "10.1.0.0/16"), (home, "10.2.0.0/16")]

    at_once(2, lambda n: changed[n][0].change([changed[n][1]], by=SYSTEM))

    assert stored(key).effective_networks == ["10.1.0.0/16", "10.2.0.0/16"]


@pytest.mark.postgresql
def test_a_range_is_not_deleted_under_a_key_that_is_being_issued(
    committing, meanwhile, issue, office
):
    with pytest.raises(KeyConflict):
        meanwhile(
            lambda: issue(allowed_networks=["Office"]),
            lambda: NetworkRange.objects.get().remove(by=SYSTEM),
        )
    ApiKey.objects.get().revoke(by=SYSTEM)
    with pytest.raises(InvalidKeyRequest):
        meanwhile(
            lambda: NetworkRange.objects.get().remove(by=SYSTEM),
            lambda: issue(allowed_networks=["Office"]),
        )
