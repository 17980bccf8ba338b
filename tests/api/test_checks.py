"""The system checks of the API's actions, each by its id."""

import subprocess
import sys
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.urls import path

from apikeys.permissions import ANY_CALLER
from echopoint.api.actions import Action
from echopoint.api.checks import check_actions
from echopoint.executions.launch_api import EphemeralExecutionViewSet, LaunchViewSet
from echopoint.flows.api import FlowViewSet
from echopoint.flows.serializers import CreateFlowRequestSerializer
from echopoint.keys_api.api import ApiKeyViewSet


@pytest.fixture
def declare(monkeypatch):
    """Return what declares an action otherwise than its viewset does."""

    def declare(view, action, **parts):
        changed = replace(view.api_actions[action], **parts)
        monkeypatch.setitem(view.api_actions, action, changed)

    return declare


@pytest.fixture
def new_errors():
    """Return what finds the errors that the test made, without those of the project."""
    before = check_actions(None)
    return lambda: [error for error in check_actions(None) if error not in before]


@pytest.fixture
def the_error(new_errors):
    """Return what finds the only error that the test made."""

    def the_error():
        (error,) = new_errors()
        assert error.hint
        return error

    return the_error


def test_all_actions_are_declared_and_routed():
    assert check_actions(None) == []


def test_the_check_command_names_an_action_without_declaration(monkeypatch, the_error):
    monkeypatch.delitem(FlowViewSet.api_actions, "tags")

    with pytest.raises(SystemCheckError) as raised:
        call_command("check")

    assert "(api.E001) FlowViewSet.tags (GET /flows/tags)" in str(raised.value)
    assert 'Add "tags": Action(' in the_error().hint


def test_the_site_registers_the_check_by_itself():
    # In another process, as this one has imported the check.
    code = (
        "import django; django.setup();"
        "from django.core.checks.registry import registry;"
        "print(*(check.__name__ for check in registry.get_checks()))"
    )

    registered = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "check_actions" in registered.stdout.split()


def test_an_action_of_head_alone_needs_a_declaration_too(settings, new_errors):
    settings.ROOT_URLCONF = (path("x", FlowViewSet.as_view({"head": "peek"})),)

    errors = [error for error in new_errors() if error.id == "api.E001"]

    assert ["FlowViewSet.peek (HEAD /x)" in error.msg for error in errors] == [True]


def test_the_head_that_comes_with_get_is_not_an_action_of_its_own(settings):
    # With the first request of a route DRF adds HEAD to it.
    served = FlowViewSet.as_view({"get": "list", "head": "list"})
    settings.ROOT_URLCONF = (path("x", served),)

    assert "api.E005" not in {error.id for error in check_actions(None)}


@pytest.mark.parametrize(
    ("view", "action", "parts", "lacks"),
    [
        (FlowViewSet, "tags", {"id": ""}, "id"),
        (FlowViewSet, "tags", {"scopes": []}, "scopes"),
        (FlowViewSet, "tags", {"id": "", "scopes": ""}, "id, scopes"),
        (LaunchViewSet, "launch", {"answer": None}, "answer"),
    ],
)
def test_a_part_that_is_missing_is_named(
    declare, view, action, parts, lacks, the_error
):
    declare(view, action, **parts)

    error = the_error()

    assert error.id == "api.E002"
    assert error.msg.startswith(f"{view.__name__}.{action} (")
    assert error.msg.endswith(f" lacks: {lacks}.")
    assert all(f"{part} is " in error.hint for part in lacks.split(", "))


def test_an_action_without_method_is_named(monkeypatch, the_error):
    monkeypatch.delattr(FlowViewSet, "tags")

    error = the_error()

    assert error.id == "api.E002"
    assert error.msg == "FlowViewSet.tags (GET /flows/tags) lacks: method."


@pytest.mark.parametrize(
    ("view", "action", "parts", "unknown"),
    [
        (FlowViewSet, "tags", {"scopes": ["flows:raed"]}, "flows:raed"),
        # One that people can hold, but no key.
        (FlowViewSet, "tags", {"scopes": ["api_key:read"]}, "api_key:read"),
        (FlowViewSet, "tags", {"scopes": [ANY_CALLER]}, ANY_CALLER),
        (FlowViewSet, "tags", {"scopes": "fff"}, "f"),
        (ApiKeyViewSet, "list", {"scopes": ["api_key:raed"]}, "api_key:raed"),
        # One that members cannot hold.
        (
            EphemeralExecutionViewSet,
            "complete",
            {"session_scopes": ["flows:read", "policy:update"]},
            "policy:update",
        ),
    ],
)
def test_an_unknown_scope_is_named(declare, view, action, parts, unknown, the_error):
    declare(view, action, **parts)

    error = the_error()

    assert error.id == "api.E003"
    assert error.msg.startswith(f"{view.__name__}.{action} (")
    assert error.msg.endswith(f" requires unknown scopes: {unknown}.")


def test_a_declaration_without_route_is_named(monkeypatch, the_error):
    unused = Action(id="peekFlow", scopes=["flows:read"])
    monkeypatch.setitem(FlowViewSet.api_actions, "peek", unused)

    error = the_error()

    assert error.id == "api.E004"
    assert error.msg == "FlowViewSet.peek is declared, but has no route."
    assert "FlowViewSet.api_actions" in error.hint


def test_a_viewset_without_any_route_is_named(settings, new_errors):
    settings.ROOT_URLCONF = (path("x", ApiKeyViewSet.as_view({"get": "list"})),)

    errors = new_errors()

    assert {error.id for error in errors} == {"api.E004"}
    named = {error.msg.partition(" ")[0] for error in errors}
    assert {"ApiKeyViewSet.create", "FlowViewSet.list", "MeViewSet.retrieve"} <= named
    assert "ApiKeyViewSet.list" not in named


def test_an_operation_id_that_is_used_twice_is_named_with_both_places(
    declare, the_error
):
    declare(FlowViewSet, "tags", id="listFlows")

    error = the_error()

    assert error.id == "api.E005"
    assert error.msg == (
        'The operation id "listFlows" is used 2 times: FlowViewSet.list (GET /flows),'
        " FlowViewSet.tags (GET /flows/tags)."
    )


def test_an_action_at_two_paths_has_its_operation_id_twice(settings, new_errors):
    view = ApiKeyViewSet.as_view({"get": "list"})
    settings.ROOT_URLCONF = (path("x", view), path("y", view))

    errors = [error for error in new_errors() if error.id == "api.E005"]

    assert ["ApiKeyViewSet.list (GET /y)" in error.msg for error in errors] == [True]


def test_a_body_on_get_is_named(declare, the_error):
    declare(FlowViewSet, "tags", body=CreateFlowRequestSerializer)

    error = the_error()

    assert error.id == "api.E006"
    assert error.msg.startswith("FlowViewSet.tags (GET /flows/tags) declares a body")


def test_several_faults_are_named_at_once(declare, monkeypatch, new_errors):
    monkeypatch.delitem(FlowViewSet.api_actions, "list")
    declare(
        FlowViewSet, "tags", scopes=["flows:raed"], body=CreateFlowRequestSerializer
    )

    ids = [error.id for error in new_errors()]

    assert ids == ["api.E001", "api.E003", "api.E006"]
