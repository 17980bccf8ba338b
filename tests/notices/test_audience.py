"""Who gets an e-mail about a key."""

import pytest

from apikeys.actors import Actor
from echopoint.notices.audience import Audience
from echopoint.notices.models import NoticeChoice
from echopoint.organizations.models import Membership
from tests.tenants import create_user

SYSTEM = Actor.command("test")


@pytest.fixture
def people(acme, olive, alice, bob):
    return {"olive": olive, "alice": alice, "bob": bob}


@pytest.fixture
def choose(acme, people):
    """Return a function that sets choices: `choose(olive="all", bob="none")`."""

    def choose(**choices):
        for name, emails in choices.items():
            membership = acme.memberships.get(user=people[name])
            NoticeChoice.objects.choose(membership, emails, by=SYSTEM)

    return choose


@pytest.fixture
def told(acme, ending, people):
    """Return a function that returns the names of those who are told of a person's key."""

    def told(creator):
        key = ending(7, by=None)
        key.created_by = key.owner = creator
        ids = Audience.of(acme).of_key(key)
        return {name for name, user in people.items() if user.pk in ids}

    return told


def test_the_creator_is_told_by_default(told, people):
    assert told(people["alice"]) == {"alice"}
    assert told(people["bob"]) == {"bob"}


def test_owners_and_admins_are_told_of_all_keys_if_they_want(told, choose, people):
    choose(olive="all")

    assert told(people["bob"]) == {"bob", "olive"}


def test_nobody_is_told_who_does_not_want_it(told, choose, people):
    choose(alice="none", olive="all")

    assert told(people["alice"]) == {"olive"}


def test_a_key_without_a_creator_goes_to_owners_and_admins(told):
    assert told(None) == {"olive", "alice"}


def test_a_key_of_somebody_who_left_goes_to_owners_and_admins(told, acme, people):
    acme.memberships.get(user=people["bob"]).delete()

    assert told(people["bob"]) == {"olive", "alice"}


def test_a_key_whose_creator_is_not_told_goes_to_owners_and_admins(
    told, choose, people
):
    choose(bob="none")
    assert told(people["bob"]) == {"olive", "alice"}

    choose(olive="none", alice="none")
    assert told(people["bob"]) == set()


def test_an_account_that_is_switched_off_is_not_told(told, people):
    people["alice"].is_active = False
    people["alice"].save()

    assert told(people["alice"]) == {"olive"}


def test_an_admin_who_was_demoted_is_told_of_own_keys_alone(told, choose, acme, people):
    choose(alice="all")
    membership = acme.memberships.get(user=people["alice"])
    membership.role = Membership.Role.MEMBER
    membership.put()

    assert told(people["bob"]) == {"bob"}
    assert told(people["alice"]) == {"alice"}
    assert told(None) == {"olive"}


def test_choices_of_another_organization_do_not_count(told, globex, people):
    stranger = create_user("stranger@example.com")
    globex.memberships.create(user=people["alice"], role=Membership.Role.ADMIN)
    globex.memberships.create(user=stranger, role=Membership.Role.ADMIN)
    for user in (people["alice"], stranger):
        membership = globex.memberships.get(user=user)
        NoticeChoice.objects.choose(membership, "all", by=SYSTEM)

    assert told(people["bob"]) == {"bob"}
