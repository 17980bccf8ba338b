"""The scope catalog and its presets."""

from itertools import groupby

import pytest

from apikeys.scopes import PRESETS, SCOPES, canonical, missing, preset_of

# The table of the API's contract.
CONTRACT = {
    "flows": {"read", "create", "update", "delete", "execute"},
    "webhooks": {"read", "create", "delete"},
    "collections": {"read", "create", "update", "delete"},
    "environment": {"read", "create", "update", "delete"},
    "runner": {"claim", "complete"},
}


def test_the_catalog_is_the_contracts():
    assert set(SCOPES) == {
        f"{resource}:{action}"
        for resource, actions in CONTRACT.items()
        for action in actions
    }, "Keep the catalog in apikeys/scopes.py and CONTRACT, above, alike."


def test_a_scope_knows_its_resource_and_action():
    for name, scope in SCOPES.items():
        assert f"{scope.resource}:{scope.action}" == scope.name == name


def test_every_scope_says_what_it_grants():
    descriptions = [scope.description for scope in SCOPES.values()]

    assert all(text.endswith(".") for text in descriptions)
    assert len(set(descriptions)) == len(SCOPES)


def test_no_key_can_hold_the_permission_to_manage_keys():
    assert not [name for name in SCOPES if name.startswith("api_key:")]


def test_what_hands_out_resolved_secrets_is_marked_sensitive():
    sensitive = {name for name, scope in SCOPES.items() if scope.sensitive}

    assert sensitive == {"flows:execute", "runner:claim"}, (
        "Name the scope here if its action returns secret values; else clear `sensitive`."
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_is_part_of_the_catalog(preset):
    assert preset.scopes
    assert set(preset.scopes) <= set(SCOPES)
    assert len(set(preset.scopes)) == len(preset.scopes)
    assert PRESETS[preset.name] is preset


def test_the_ci_preset_is_exactly_three_scopes():
    assert sorted(PRESETS["ci"].scopes) == [
        "flows:execute",
        "flows:read",
        "runner:complete",
    ]


def test_the_runner_preset_is_exactly_two_scopes():
    assert sorted(PRESETS["runner"].scopes) == ["runner:claim", "runner:complete"]


def test_no_two_presets_are_the_same_set():
    assert len({frozenset(preset.scopes) for preset in PRESETS.values()}) == len(
        PRESETS
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("flows:read", "flows:read"),
        ("Flows:READ", "flows:read"),
        ("flows:reads", None),
        (" flows:read", None),
        ("flows:read\n", None),
        ("flows:*", None),
        ("*", None),
        ("flows", None),
        ("", None),
        ("api_key:create", None),
        ("webhoo\u212as:read", None),  # KELVIN SIGN, which is "k" in lower case
    ],
)
def test_a_scope_has_one_spelling_but_for_case(written, name):
    assert canonical(written) == name


@pytest.mark.parametrize(
    ("held", "required", "lacking"),
    [
        (["flows:read"], ["flows:read"], []),
        (["flows:read"], [], []),
        (["flows:update"], ["flows:read"], ["flows:read"]),
        ([], ["runner:claim", "flows:read"], ["flows:read", "runner:claim"]),
        (["flows:read"], ["flows:read", "flows:read"], []),
    ],
)
def test_what_is_missing_is_what_is_required_and_not_held(held, required, lacking):
    assert missing(held, required) == lacking


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_is_known_by_its_exact_scopes(preset):
    assert preset_of(reversed(preset.scopes)) == preset.name
    assert preset_of([*preset.scopes, "flows:delete"]) == ""


def test_no_scopes_are_no_preset():
    assert preset_of([]) == ""


def test_the_scopes_of_a_resource_are_neighbours():
    groups = [resource for resource, _ in groupby(s.resource for s in SCOPES.values())]

    assert len(groups) == len(set(groups)), (
        "Move the scope beside the others of its resource: forms show a group for each run."
    )
