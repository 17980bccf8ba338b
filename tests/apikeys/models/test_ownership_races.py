"""An owner who leaves owns no key afterwards, despite concurrent changes."""

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey
from echopoint.organizations.models import Membership

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")


@pytest.fixture
def leave(acme, bob):
    """Return a function that ends bob's membership."""
    pk = acme.memberships.get(user=bob).pk
    return lambda: Membership.objects.get(pk=pk).end()


def test_a_successor_issued_concurrently_has_no_owner(
    committing, meanwhile, issue, bob, leave
):
    key, _ = issue(owner_email=bob.email)

    meanwhile(lambda: key.rotate(by=SYSTEM), leave)

    assert ApiKey.objects.count() == 2
    assert not ApiKey.objects.exclude(owner=None).exists()


def test_a_key_assigned_to_them_concurrently_has_no_owner(
    committing, meanwhile, issue, bob, leave
):
    key, _ = issue()

    meanwhile(lambda: key.set_owner(bob.email, by=SYSTEM), leave)

    assert ApiKey.objects.get().owner is None


def test_a_key_is_not_assigned_to_a_member_who_leaves_concurrently(
    committing, meanwhile, issue, bob, leave
):
    key, _ = issue()

    def give():
        try:
            return ApiKey.objects.get(pk=key.pk).set_owner(bob.email, by=SYSTEM)
        except InvalidKeyRequest as refusal:
            return refusal

    assert isinstance(meanwhile(leave, give), InvalidKeyRequest)
    assert ApiKey.objects.get().owner is None


def test_a_key_issued_for_them_concurrently_has_no_owner(
    committing, meanwhile, issue, bob, leave
):
    meanwhile(lambda: issue(owner_email=bob.email), leave)

    assert ApiKey.objects.get().owner is None


def test_two_members_who_leave_and_choose_each_other_do_not_both_succeed(
    committing, at_once, issue, acme, alice, bob
):
    issue(owner_email=alice.email)
    issue(owner_email=bob.email)
    pairs = [(alice, bob), (bob, alice)]

    results = at_once(
        2, lambda n: acme.memberships.get(user=pairs[n][0]).end(keys_to=pairs[n][1])
    )

    assert len([r for r in results if isinstance(r, list) and r]) == 1, results
    remaining = set(acme.memberships.values_list("user", flat=True))
    owners = set(ApiKey.objects.values_list("owner", flat=True))
    assert owners <= remaining
