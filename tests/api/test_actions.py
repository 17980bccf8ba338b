"""The declaration of an action: what it requires, and of whom."""

from dataclasses import FrozenInstanceError

import pytest

from apikeys.permissions import ANY_CALLER
from echopoint.api.actions import UNDECLARED, Action


def test_keys_and_members_need_the_same_scopes_unless_declared_otherwise():
    same = Action(scopes=["flows:read", "flows:create"], session_scopes=[])
    other = Action(scopes=["runner:complete"], session_scopes=["flows:execute"])

    assert same.key_scopes == same.member_scopes == ("flows:read", "flows:create")
    assert other.key_scopes == ("runner:complete",)
    assert other.member_scopes == ("flows:execute",)


def test_any_caller_needs_no_scope():
    open_to_all = Action(scopes=ANY_CALLER)

    assert open_to_all.key_scopes == open_to_all.member_scopes == ()


def test_what_is_not_declared_has_no_scopes():
    assert not UNDECLARED.scopes
    assert UNDECLARED.scopes != ANY_CALLER


def test_a_declaration_does_not_change():
    with pytest.raises(FrozenInstanceError):
        Action(scopes=["flows:read"]).scopes = ANY_CALLER
