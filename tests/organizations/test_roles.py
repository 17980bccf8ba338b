"""What each role may do."""

import pytest

from apikeys.scopes import SCOPES
from echopoint.organizations.models import Membership
from echopoint.organizations.roles import PERMISSIONS

KEYS = {"api_key:read", "api_key:create", "api_key:delete"}


def test_every_role_has_its_permissions():
    assert set(PERMISSIONS) == set(Membership.Role.values)


@pytest.mark.parametrize("role", PERMISSIONS)
def test_a_role_holds_scopes_of_the_catalog_and_permissions_on_keys(role):
    assert PERMISSIONS[role] - KEYS <= set(SCOPES)


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owners_and_admins_hold_everything(role):
    assert PERMISSIONS[role] == set(SCOPES) | KEYS


def test_a_member_reads_keys_and_manages_none():
    assert PERMISSIONS["member"] & KEYS == {"api_key:read"}


def test_a_member_neither_configures_environments_nor_works_as_a_runner():
    assert set(SCOPES) - PERMISSIONS["member"] == {
        "environment:create",
        "environment:update",
        "environment:delete",
        "runner:claim",
        "runner:complete",
    }
