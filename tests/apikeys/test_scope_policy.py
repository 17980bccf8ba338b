"""Which scopes a role may grant, and which need a list of allowed addresses."""

import pytest

from apikeys import policy
from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey
from apikeys.scope_policy import LIMIT_OF_ROLE, beyond, granted_in_words
from echopoint.organizations import roles

SYSTEM = Actor.command("test")
CI = ["flows:execute", "flows:read", "runner:complete"]


@pytest.fixture
def change(acme):
    return lambda **limits: policy.change(acme, by=SYSTEM, **limits)


@pytest.fixture
def admin(alice):
    return Actor.person(alice, via="test", is_fresh=True)


@pytest.fixture
def owner(olive):
    return Actor.person(olive, via="test", is_fresh=True)


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


@pytest.mark.parametrize(
    ("granted", "scopes", "refused"),
    [
        (None, ["flows:read", "runner:claim"], []),
        (["flows:read"], ["flows:read"], []),
        (["flows:read"], ["flows:read", "runner:claim"], ["runner:claim"]),
        (["ci"], CI, []),
        (["ci"], CI[:2], CI[:2]),
        (["ci"], [*CI, "webhooks:read"], [*CI, "webhooks:read"]),
        (["ci", "webhooks:read"], CI, []),
        (["ci", "webhooks:read"], ["flows:read", "webhooks:read"], ["flows:read"]),
    ],
)
def test_a_preset_grants_exactly_its_scopes(granted, scopes, refused):
    assert beyond(granted, scopes) == refused


def test_each_role_that_may_create_keys_has_its_limit():
    creating = {
        role for role, held in roles.PERMISSIONS.items() if "api_key:create" in held
    }

    assert set(LIMIT_OF_ROLE) == creating
    assert set(LIMIT_OF_ROLE.values()) <= set(policy.LIMITS)


def test_granted_scopes_are_described():
    assert (
        granted_in_words(["flows:read", "flows:update"]) == "flows:read, flows:update"
    )
    assert granted_in_words(["ci", "flows:read"]) == (
        "flows:read, and exactly the scopes of the preset CI pipeline"
    )
    assert granted_in_words(["ci", "runner"]) == (
        "exactly the scopes of the preset CI pipeline or Self-hosted runner"
    )


def test_an_admin_grants_what_the_policy_lets_admins_grant(issue, change, admin, owner):
    change(admin_scopes=["flows:read"])

    assert issue("flows:read", by=admin)
    with pytest.raises(InvalidKeyRequest) as refused:
        issue("flows:read", "webhooks:read", by=admin)

    assert refused.value.field == "scopes"
    assert refused.value.metadata == {"not_allowed": ["webhooks:read"]}
    assert refused.value.message == (
        "The policy of Acme does not let admins grant webhooks:read. They may grant"
        " flows:read. Leave out the others, or ask an owner to change the policy."
    )
    assert issue("flows:read", "webhooks:read", by=owner)
    assert issue("flows:read", "webhooks:read", by=SYSTEM)


def test_owners_have_a_limit_of_their_own(issue, change, admin, owner):
    change(owner_scopes=["ci"])

    assert issue(*CI, by=owner)
    with pytest.raises(InvalidKeyRequest, match="does not let owners grant") as refused:
        issue("flows:read", by=owner)
    assert refused.value.message.endswith("Leave out the others, or change the policy.")
    assert issue("flows:read", by=admin)


def test_the_policy_of_another_organization_does_not_matter(
    issue, change, globex, mallory
):
    change(admin_scopes=["flows:read"])
    by = Actor.person(mallory, via="test", is_fresh=True)

    assert issue("webhooks:read", by=by, organization=globex)


def test_a_rotation_keeps_the_scopes_or_is_refused(issue, change, admin, owner):
    key, _ = issue("flows:read", "webhooks:read", by=admin)
    change(admin_scopes=["flows:read"])

    with pytest.raises(InvalidKeyRequest, match="does not let admins grant webhooks"):
        stored(key).rotate(by=admin)
    assert stored(key).retire_at is None

    successor, _ = stored(key).rotate(by=admin, scopes=["flows:read"])
    assert successor.scopes == ["flows:read"]


def test_an_owner_rotates_what_an_admin_may_not(issue, change, owner):
    key, _ = issue("flows:read", "webhooks:read")
    change(admin_scopes=["flows:read"])

    successor, _ = key.rotate(by=owner)

    assert successor.scopes == ["flows:read", "webhooks:read"]


def test_the_policy_applies_as_it_is_stored(issue, change, acme, admin):
    change(admin_scopes=["flows:read"], listed_scopes=["flows:read"])
    acme.admin_scopes = acme.listed_scopes = None  # as read before the change

    with pytest.raises(InvalidKeyRequest, match="admins"):
        issue("webhooks:read", by=admin)
    with pytest.raises(InvalidKeyRequest, match="list of allowed addresses"):
        issue("flows:read", by=admin)


def test_a_sensitive_scope_needs_a_list(issue, change):
    change(listed_scopes=["runner:claim"])

    assert issue("flows:read")
    assert issue("runner:claim", allowed_networks=["192.0.2.1"])
    with pytest.raises(InvalidKeyRequest) as refused:
        issue("runner:claim")

    assert refused.value.field == "allowed_networks"
    assert refused.value.metadata == {"needs_allowed_networks": ["runner:claim"]}
    assert refused.value.message == (
        "The policy of Acme requires a list of allowed addresses for keys with"
        " runner:claim. Enter at least one address, or leave these scopes out."
    )


def test_a_key_without_a_list_is_not_rotated_with_a_sensitive_scope(issue, change):
    key, _ = issue("runner:claim", "runner:complete")
    change(listed_scopes=["runner:claim"])

    with pytest.raises(InvalidKeyRequest, match="Set its allowed addresses") as refused:
        stored(key).rotate(by=SYSTEM)
    assert refused.value.field == "scopes"
    assert stored(key).retire_at is None

    stored(key).set_allowed_networks(["192.0.2.1"], by=SYSTEM)
    successor, _ = stored(key).rotate(by=SYSTEM)
    assert successor.allowed_networks == ["192.0.2.1"]


def test_a_key_without_a_list_is_rotated_without_the_scope(issue, change):
    key, _ = issue("runner:claim", "runner:complete")
    change(listed_scopes=["runner:claim"])

    successor, _ = stored(key).rotate(by=SYSTEM, scopes=["runner:complete"])

    assert successor.scopes == ["runner:complete"]


def test_the_list_of_a_sensitive_key_is_changed_and_not_removed(issue, change):
    key, _ = issue("runner:claim", allowed_networks=["192.0.2.0/24"])
    change(listed_scopes=["runner:claim"])

    assert stored(key).set_allowed_networks(["192.0.2.1"], by=SYSTEM)
    with pytest.raises(InvalidKeyRequest, match="Keep at least one address") as refused:
        stored(key).set_allowed_networks(None, by=SYSTEM)

    assert refused.value.field == "allowed_networks"
    assert stored(key).allowed_networks == ["192.0.2.1"]


def test_a_list_is_removed_where_no_scope_needs_it(issue, change):
    key, _ = issue("flows:read", allowed_networks=["192.0.2.0/24"])
    without, _ = issue("runner:claim")
    change(listed_scopes=["runner:claim"])

    assert stored(key).set_allowed_networks(None, by=SYSTEM)
    assert not stored(without).set_allowed_networks(None, by=SYSTEM)


@pytest.mark.parametrize("limit", ["owner_scopes", "admin_scopes", "listed_scopes"])
@pytest.mark.parametrize("names", [[], ["flows:fly"]])
def test_a_limit_with_unknown_or_no_scopes_is_refused(acme, change, limit, names):
    with pytest.raises(InvalidKeyRequest) as refused:
        change(**{limit: names})

    assert refused.value.field == limit
    acme.refresh_from_db()
    assert getattr(acme, limit) is None


@pytest.mark.postgresql
def test_a_list_is_not_removed_while_the_policy_begins_to_require_it(
    committing, issue, change, meanwhile
):
    key, _ = issue("runner:claim", allowed_networks=["192.0.2.1"])

    with pytest.raises(InvalidKeyRequest):
        meanwhile(
            lambda: change(listed_scopes=["runner:claim"]),
            lambda: stored(key).set_allowed_networks(None, by=SYSTEM),
        )

    assert stored(key).is_restricted
