"""The filter of the list of keys by a limit of the policy."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.forms.policy_queries import parse
from apikeys.models import ApiKey

SYSTEM = Actor.command("test")
NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture
def found(acme):
    """Return a function: the names of the keys that a value finds, as the list does."""

    def found(value):
        keys = ApiKey.objects.for_org(acme).unrevoked()
        rows, parts = parse(value).query(keys)
        if parts is not None:
            in_parts = {key.pk for part in parts for key in part}
            assert {key.pk for key in rows} <= in_parts
        return {key.name for key in rows}

    return found


@pytest.fixture
def keys(issue, acme, globex):
    """Issue keys in each state, and one of another organization."""
    kinds = {
        "active": {},
        "long": {"expires_at": NOW + 200 * DAY},
        "endless": {"expires_at": None},
        "soon": {"created_at": NOW - 80 * DAY, "expires_at": NOW + 5 * DAY},
        "retiring": {"retire_at": NOW + 2 * DAY},
        "suspended": {"suspended_at": NOW},
        "retired": {"retire_at": NOW - DAY, "expires_at": NOW + 200 * DAY},
        "expired": {"created_at": NOW - 400 * DAY, "expires_at": NOW - DAY},
        "revoked": {"revoked_at": NOW, "expires_at": None},
    }
    issue(name="theirs", organization=globex)
    for name, values in kinds.items():
        key, _ = issue(name=name)
        ApiKey.objects.filter(pk=key.pk).update(**values)


CURRENT = {"active", "long", "endless", "soon", "retiring", "suspended"}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("lifetime:100", {"long"}),
        ("lifetime:100,must-expire", {"long", "endless"}),
        ("lifetime:365", set()),
        # The retiring key has no successor that counts instead of it.
        ("counted", CURRENT),
        ("ending:1", set()),
        ("ending:2", {"retiring"}),
        ("ending:5", {"retiring", "soon"}),
        ("no-own-rate", CURRENT),
        ("no-description", CURRENT),
        ("no-contact", CURRENT),
        ("working", CURRENT - {"suspended"}),
        ("other-scopes:webhooks:read", CURRENT),
        ("other-scopes:flows:read", set()),
        ("unlisted:flows:read", CURRENT),
        ("unlisted:webhooks:read", set()),
    ],
)
def test_a_limit_concerns_current_keys(keys, found, value, names):
    assert found(value) == names


def test_a_preset_is_granted_exactly(issue, found):
    issue("flows:execute", "flows:read", "runner:complete", name="ci")
    issue("flows:execute", "flows:read", name="part")
    issue("webhooks:read", name="hooks")

    assert found("other-scopes:ci") == {"part", "hooks"}
    assert found("other-scopes:ci,webhooks:read") == {"part"}
    assert found("other-scopes:flows:read") == {"ci", "part", "hooks"}


def test_a_list_is_enough(issue, found):
    issue("runner:claim", name="listed", allowed_networks=["192.0.2.1"])
    issue("runner:claim", name="open")
    issue("flows:execute", name="other")

    assert found("unlisted:runner:claim") == {"open"}
    assert found("unlisted:runner:claim,flows:execute") == {"open", "other"}


def test_a_key_with_its_own_rate_is_left_out(issue, found):
    issue(name="usual")
    key, _ = issue(name="own")
    ApiKey.objects.filter(pk=key.pk).update(requests_per_minute=5)

    assert found("no-own-rate") == {"usual"}


def test_a_description_an_owner_or_a_contact_is_enough(issue, found, alice):
    issue(name="described", description="Deploys the shop")
    issue(name="owned", owner_email=alice.email)
    issue(name="contacted", contact_email="ops@team.example")

    assert found("no-description") == {"owned", "contacted"}
    assert found("no-contact") == {"described"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nothing",
        "lifetime",
        "lifetime:",
        "lifetime:0",
        "lifetime:3651",
        "lifetime:-1",
        "lifetime:٧",
        "lifetime:80,",
        "lifetime:80,other",
        "lifetime:" + "9" * 5000,
        "ending:91",
        "counted:1",
        "no-description:1",
        "other-scopes:",
        "other-scopes:flows:fly",
        "unlisted:ci",
        "unlisted:flows:read\0",
    ],
)
def test_any_other_value_is_refused(value):
    with pytest.raises(ValueError, match=r"unknown|number|bounds"):
        parse(value)
