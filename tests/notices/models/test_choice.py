"""A member's choice is within their role, whoever sets it."""

import pytest

from apikeys.actors import Actor
from echopoint.core.refusals import InvalidField
from echopoint.notices.models import NoticeChoice

SYSTEM = Actor.command("test")


def test_all_keys_are_for_owners_and_admins(acme, alice, bob, olive):
    for person in (alice, olive):
        membership = acme.memberships.get(user=person)
        assert NoticeChoice.objects.choose(membership, "all", by=SYSTEM)
        assert NoticeChoice.objects.of(membership) == "all"

    member = acme.memberships.get(user=bob)
    with pytest.raises(InvalidField, match="Only owners and admins"):
        NoticeChoice.objects.choose(member, "all", by=SYSTEM)
    assert NoticeChoice.objects.of(member) == "own"


def test_an_unknown_choice_is_refused(acme, alice):
    membership = acme.memberships.get(user=alice)

    with pytest.raises(ValueError, match="weekly"):
        NoticeChoice.objects.choose(membership, "weekly", by=SYSTEM)
