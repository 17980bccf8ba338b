"""The owner and the contact of a key."""

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, AuditEvent
from apikeys.models.ownership import MAX_CONTACTS
from echopoint.core.refusals import InvalidField
from tests.tenants import create_user

SYSTEM = Actor.command("test")
Action = AuditEvent.Action


@pytest.fixture
def as_alice(alice):
    return Actor.person(alice, via="page", is_fresh=True)


@pytest.fixture
def key(issue, as_alice):
    return issue(by=as_alice)[0]


def event(key, action):
    return AuditEvent.objects.get(target_id=key.rest_id, action=action)


def test_a_person_owns_the_key_that_they_create(issue, key, alice):
    assert key.owner == alice
    assert event(key, Action.CREATED).details["owner"] == "alice@acme.example"
    assert issue(by=SYSTEM)[0].owner is None


def test_a_key_can_be_created_for_another_member_and_a_team(issue, as_alice, bob):
    key, _ = issue(
        by=as_alice, owner_email="Bob@ACME.example", contact_email=" Ops@Acme.Example "
    )

    assert ApiKey.objects.get(pk=key.pk).owner == bob
    assert key.contact_email == "ops@acme.example"
    details = event(key, Action.CREATED).details
    assert details["owner"] == "bob@acme.example"
    assert details["contact_email"] == "ops@acme.example"


def test_a_key_can_be_created_without_an_owner(issue, as_alice):
    assert issue(by=as_alice, owner_email=None)[0].owner is None


@pytest.mark.parametrize("email", ["mallory@globex.example", "nobody@acme.example"])
def test_only_a_member_can_own_a_key(issue, key, mallory, email):
    with pytest.raises(InvalidKeyRequest) as raised:
        key.set_owner(email, by=SYSTEM)
    with pytest.raises(InvalidKeyRequest):
        issue(owner_email=email)

    assert raised.value.field == "owner_email"
    # The message does not reveal whether an account exists.
    assert email not in raised.value.message
    assert ApiKey.objects.get().owner == key.owner


def test_a_change_of_owner_is_recorded_with_both(key, bob):
    assert key.set_owner(bob.email, by=SYSTEM)
    assert not key.set_owner(bob.email, by=SYSTEM)
    assert ApiKey.objects.get().owner == bob

    details = event(key, Action.OWNER_CHANGED).details
    assert details["before"] == "alice@acme.example"
    assert details["after"] == "bob@acme.example"


def test_an_owner_can_be_removed(key):
    assert key.set_owner("", by=SYSTEM)

    assert ApiKey.objects.get().owner is None
    assert event(key, Action.OWNER_CHANGED).details["after"] is None


def test_a_change_of_contact_is_recorded_with_both(key):
    assert key.set_contact_email("ops@acme.example", by=SYSTEM)
    assert not key.set_contact_email("OPS@acme.example", by=SYSTEM)
    assert ApiKey.objects.get().contact_email == "ops@acme.example"

    details = event(key, Action.CONTACT_CHANGED).details
    assert (details["before"], details["after"]) == ("", "ops@acme.example")


@pytest.mark.parametrize(
    "text",
    [
        "ops",
        "ops@acme",
        "a@acme.example, b@acme.example",
        "a@acme.example b@acme.example",
        "Ops <ops@acme.example>",
        "ops@acme.example\r\nBcc: all@acme.example",
        "ops\n@acme.example",
        '"a@b.example,c"@acme.example',
        '"ops\x01"@acme.example',
        "ops@acme.example\u200b",
        "ops\x00@acme.example",
        f"{'a' * 250}@acme.example",
    ],
)
def test_a_contact_is_one_plain_address(issue, key, text):
    with pytest.raises(InvalidKeyRequest) as raised:
        key.set_contact_email(text, by=SYSTEM)
    with pytest.raises(InvalidKeyRequest):
        issue(contact_email=text)

    assert raised.value.field == "contact_email"
    assert ApiKey.objects.get().contact_email == ""


def test_an_organization_has_a_limited_number_of_contacts(issue, key, globex):
    first = issue(contact_email="0@acme.example")[0]
    for n in range(1, MAX_CONTACTS):
        issue(contact_email=f"{n}@acme.example")

    with pytest.raises(InvalidKeyRequest) as raised:
        key.set_contact_email("more@acme.example", by=SYSTEM)

    assert raised.value.metadata == {"maximum": MAX_CONTACTS}
    assert key.set_contact_email("7@acme.example", by=SYSTEM)
    assert issue(organization=globex, contact_email="more@acme.example")
    first.revoke(by=SYSTEM)
    assert key.set_contact_email("more@acme.example", by=SYSTEM)


def test_a_revoked_key_keeps_its_owner_and_contact(key, bob):
    key.revoke(by=SYSTEM)

    for change in (key.set_owner, key.set_contact_email):
        with pytest.raises(KeyConflict):
            change(bob.email, by=SYSTEM)


def test_a_successor_has_the_owner_and_contact_of_its_predecessor(key, bob, as_alice):
    key.set_owner(bob.email, by=SYSTEM)
    key.set_contact_email("ops@acme.example", by=SYSTEM)

    successor, _ = key.rotate(by=as_alice)

    assert successor.owner == bob
    assert successor.contact_email == "ops@acme.example"
    assert event(successor, Action.CREATED).details["owner"] == "bob@acme.example"


def test_keys_of_a_member_who_leaves_have_no_owner(key, acme, alice, issue, as_alice):
    revoked, _ = issue(by=as_alice)
    revoked.revoke(by=SYSTEM)

    (change,) = acme.memberships.get(user=alice).end()

    assert change.count == 1
    assert not ApiKey.objects.exclude(owner=None).exists()
    details = event(key, Action.OWNER_CHANGED).details
    assert (details["before"], details["after"]) == ("alice@acme.example", None)
    of_member = AuditEvent.objects.get(action=Action.KEYS_HANDED_OVER)
    assert of_member.target_id == alice.pk
    assert (of_member.details["keys"], of_member.details["after"]) == (1, None)


def test_keys_of_a_member_who_leaves_go_to_the_chosen_member(key, acme, alice, bob):
    acme.memberships.get(user=alice).end(keys_to=bob)

    assert ApiKey.objects.get().owner == bob
    assert event(key, Action.OWNER_CHANGED).details["after"] == "bob@acme.example"


def test_keys_go_to_a_member_who_stays(key, acme, alice, bob, mallory):
    for heir in (mallory, alice):
        with pytest.raises(InvalidField):
            acme.memberships.get(user=alice).end(keys_to=heir)
    with pytest.raises(InvalidField):
        acme.memberships.filter(user__in=[alice, bob]).end(keys_to=bob)

    assert acme.memberships.filter(user=alice).exists()
    assert ApiKey.objects.get().owner == alice


def test_keys_of_other_organizations_stay_with_their_owner(
    key, acme, globex, alice, issue
):
    globex.memberships.create(user=alice)
    other, _ = issue(organization=globex, owner_email=alice.email)

    acme.memberships.get(user=alice).end()

    assert ApiKey.objects.get(pk=other.pk).owner == alice
    assert ApiKey.objects.get(pk=key.pk).owner is None


def test_many_keys_are_recorded_in_one_event(
    key, acme, alice, issue, as_alice, monkeypatch
):
    monkeypatch.setattr("apikeys.models.querysets.MAX_REVOKED", 2)
    monkeypatch.setattr("apikeys.models.querysets.HANDED_OVER", 2)
    for _ in range(4):
        issue(by=as_alice)

    acme.memberships.get(user=alice).end()

    assert not ApiKey.objects.exclude(owner=None).exists()
    assert not AuditEvent.objects.filter(action=Action.OWNER_CHANGED).exists()
    assert AuditEvent.objects.get(action=Action.KEYS_HANDED_OVER).details["keys"] == 5


def test_a_member_without_keys_hands_over_nothing(acme, bob):
    acme.memberships.get(user=bob).end()

    assert not AuditEvent.objects.filter(action=Action.KEYS_HANDED_OVER).exists()


def test_a_membership_that_changes_its_user_hands_over_the_keys(key, acme, alice):
    membership = acme.memberships.get(user=alice)
    membership.user = create_user("carol@acme.example")

    membership.put()

    assert ApiKey.objects.get().owner is None
    assert event(key, Action.OWNER_CHANGED)


def test_nothing_changes_if_the_event_cannot_be_recorded(
    key, acme, alice, bob, monkeypatch
):
    def fail(*args, **options):
        raise RuntimeError("no audit")

    monkeypatch.setattr(AuditEvent.objects, "record", fail)
    for change in (
        lambda: key.set_owner(bob.email, by=SYSTEM),
        lambda: key.set_contact_email("ops@acme.example", by=SYSTEM),
        lambda: acme.memberships.get(user=alice).end(),
    ):
        with pytest.raises(RuntimeError):
            change()

    stored = ApiKey.objects.get()
    assert (stored.owner, stored.contact_email) == (alice, "")
    assert acme.memberships.filter(user=alice).exists()
