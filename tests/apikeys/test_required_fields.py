"""The policy may require a description, and an owner or a contact, of each key."""

import pytest

from apikeys import policy
from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey, ContactAddress
from apikeys.required_fields import REQUIRED
from echopoint.organizations.models import Membership

SYSTEM = Actor.command("test")
OPS = "ops@team.example"


@pytest.fixture
def require(acme):
    """Return a function that sets fields of the policy to required."""
    return lambda *names: policy.change(
        acme, by=SYSTEM, **{f"require_{name}": True for name in names}
    )


def refusal(verb, *args, **values):
    with pytest.raises(InvalidKeyRequest) as refused:
        verb(*args, **values)
    assert "The policy of Acme requires" in refused.value.message
    return refused.value


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def test_no_key_is_issued_without_a_required_description(issue, require, globex):
    require("description")

    refused = refusal(issue)
    assert refused.field == "description"
    assert refused.metadata == {REQUIRED: ["description"]}
    assert refusal(issue, description="   ").field == "description"

    assert not ApiKey.objects.exists()
    assert issue(description="Deploys the shop")
    assert issue(organization=globex)


@pytest.mark.parametrize(
    "people",
    [
        {"owner_email": "alice@acme.example", "contact_email": ""},
        {"owner_email": None, "contact_email": OPS},
        {"owner_email": "alice@acme.example", "contact_email": OPS},
    ],
)
def test_an_owner_or_a_contact_satisfies_the_policy(issue, require, people):
    require("contact")

    refused = refusal(issue, owner_email=None)
    assert refused.field == "contact_email"
    assert refused.metadata == {REQUIRED: ["owner_email", "contact_email"]}

    key, _ = issue(**people)
    assert key.rotate(by=SYSTEM)


def test_a_contact_that_stopped_its_e_mails_satisfies_the_policy(issue, require):
    require("contact")
    key, _ = issue(owner_email=None, contact_email=OPS)
    ContactAddress.objects.stop(OPS, by=SYSTEM)

    assert key.rotate(by=SYSTEM)


def test_the_policy_counts_as_it_is_stored(issue, require, acme):
    require("description", "contact")
    acme.require_description = acme.require_contact = False  # read before the change

    refusal(issue, owner_email="alice@acme.example")
    refusal(issue, description="x", owner_email=None)


def test_a_key_without_them_works_and_can_be_changed(issue, require):
    key, secret = issue(owner_email=None)
    require("description", "contact")

    assert ApiKey.objects.authenticate(secret, organization_id=None, ip=None) == key
    assert key.rename("Deploy", by=SYSTEM)
    assert not key.set_description("", by=SYSTEM)
    assert not key.set_owner(None, by=SYSTEM)
    assert key.limit_requests(40, by=SYSTEM)


def test_a_rotation_needs_what_the_key_lacks(issue, require):
    key, _ = issue(owner_email=None)
    require("description", "contact")

    assert refusal(key.rotate, by=SYSTEM).field == "description"
    described = {"by": SYSTEM, "description": "Deploys the shop"}
    assert refusal(key.rotate, **described).field == "contact_email"
    assert stored(key).retire_at is None

    successor, _ = key.rotate(**described, contact_email=OPS)
    assert stored(successor).description == "Deploys the shop"
    assert (stored(successor).owner, stored(successor).contact_email) == (None, OPS)
    assert (stored(key).description, stored(key).contact_email) == ("", "")


def test_a_rotation_can_name_an_owner(issue, require, bob):
    key, _ = issue(owner_email=None)
    require("contact")

    with pytest.raises(InvalidKeyRequest) as refused:
        key.rotate(by=SYSTEM, owner_email="mallory@globex.example")
    assert refused.value.field == "owner_email"

    successor, _ = key.rotate(by=SYSTEM, owner_email=bob.email)
    assert stored(successor).owner == bob


def test_a_change_does_not_remove_what_is_required(issue, require):
    key, _ = issue(
        description="Deploys the shop",
        owner_email="alice@acme.example",
        contact_email=OPS,
    )
    require("description", "contact")

    assert refusal(key.set_description, " ", by=SYSTEM).field == "description"
    assert refusal(key.set_ownership, owner_email=None, contact_email="", by=SYSTEM)
    assert key.set_contact_email("", by=SYSTEM)
    assert refusal(key.set_owner, None, by=SYSTEM)
    assert key.description == stored(key).description == "Deploys the shop"
    assert stored(key).owner == key.owner
    assert key.set_ownership(owner_email=None, contact_email=OPS, by=SYSTEM)


def test_keys_are_not_handed_to_no_one(issue, acme):
    key, _ = issue(owner_email="alice@acme.example")

    with pytest.raises(InvalidKeyRequest, match="Choose a member"):
        ApiKey.objects.give_to(acme, "", by=SYSTEM)

    assert stored(key).owner


def test_a_member_can_leave_although_their_keys_lose_the_owner(issue, require, acme):
    key, secret = issue(owner_email="alice@acme.example")
    require("contact")

    Membership.objects.filter(user__email="alice@acme.example").end()

    assert stored(key).owner is None
    assert ApiKey.objects.authenticate(secret, organization_id=None, ip=None) == key
    assert refusal(key.rotate, by=SYSTEM)
