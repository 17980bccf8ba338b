"""The permissions of each role."""

import pytest

from apikeys.scopes import SCOPES
from echopoint.organizations.models import Membership
from echopoint.organizations.roles import PERMISSIONS

KEYS = {"api_key:read", "api_key:create", "api_key:delete"}


def test_every_role_has_its_permissions():
    assert set(PERMISSIONS) == set(Membership.Role.values)


@pytest.mark.parametrize("role", PERMISSIONS)
def test_a_role_holds_scopes_of_the_catalog_and_permissions_of_people(role):
    assert PERMISSIONS[role] - KEYS - {"policy:update"} <= set(SCOPES)


def test_an_admin_holds_everything_but_the_policy():
    assert PERMISSIONS["admin"] == set(SCOPES) | KEYS, (
        "Add the scope to BUILD, CONFIGURE or RUN in echopoint/organizations/roles.py:"
        " people can grant a key only what their role holds."
    )


def test_an_owner_sets_the_policy_too():
    assert PERMISSIONS["owner"] == PERMISSIONS["admin"] | {"policy:update"}


def test_a_member_reads_keys_and_manages_none():
    assert PERMISSIONS["member"] & KEYS == {"api_key:read"}


def test_a_member_neither_configures_environments_nor_works_as_a_runner():
    assert set(SCOPES) - PERMISSIONS["member"] == {
        "environment:create",
        "environment:update",
        "environment:delete",
        "runner:claim",
        "runner:complete",
    }, "Add the scope to BUILD in echopoint/organizations/roles.py, or name it here."
