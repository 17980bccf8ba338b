"""The fields of the policy's lists."""

import pytest
from django import forms

from apikeys.forms.policy_fields import (
    EVERY,
    ListedScopesField,
    NoticeDaysField,
    RoleScopesField,
    listed_choices,
)


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ([EVERY], None),
        (["flows:read"], ["flows:read"]),
        (["runner:claim", "flows:read", "ci"], ["ci", "flows:read", "runner:claim"]),
    ],
)
def test_a_role_grants_every_scope_or_the_chosen_ones(sent, value):
    assert RoleScopesField().clean(sent) == value
    assert set(RoleScopesField().prepare_value(value)) == set(sent)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([], "or at least one preset or scope"),
        ([EVERY, "flows:read"], "untick “Every scope of the role”"),
        (["flows:fly"], "not one of the available choices"),
    ],
)
def test_an_invalid_choice_is_refused(sent, said):
    with pytest.raises(forms.ValidationError, match=said):
        RoleScopesField().clean(sent)


@pytest.mark.parametrize("scopes", [[], ["flows:execute", "runner:claim"]])
def test_listed_scopes_are_optional(scopes):
    assert ListedScopesField().clean(scopes[::-1]) == (scopes or None)


def test_sensitive_scopes_are_marked():
    labels = dict(choice for _, choices in listed_choices() for choice in choices)

    assert labels["runner:claim"] == "runner:claim (sensitive)"
    assert labels["flows:read"] == "flows:read"


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("", None),
        (" , ", None),
        ("7", [7]),
        ("1, 90", [90, 1]),
        ("5;60 30", [60, 30, 5]),
    ],
)
def test_days_are_read_in_any_order(text, days):
    assert NoticeDaysField().clean(text) == days


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "91",
        "-7",
        "7, 7",
        "7.5",
        "seven",
        "1,2,3,4,5,6,7,8,9,10,11",
        "٧",
        "7" * 100,
    ],
)
def test_invalid_days_are_refused_with_advice(text):
    with pytest.raises(forms.ValidationError, match="whole numbers from 1 to 90"):
        NoticeDaysField().clean(text)
