"""`executions`, against the real API."""

import pytest

from echopoint.executions.models import Execution
from echopoint.flows.models import Flow
from tests.executions.definitions import definition, node


@pytest.fixture
def execution(acme):
    flow = Flow.objects.create(
        organization=acme, name="Checkout", flow_definition=definition(node("pay"))
    )
    return Execution.objects.create(
        organization=acme,
        flow=flow,
        flow_name=flow.name,
        flow_snapshot=flow.flow_definition,
        runner_type="ephemeral",
        trigger_type="manual",
        trigger_metadata={},
        status="running",
    )


def test_executions_are_listed_and_chosen(echopoint, sign, execution):
    sign("flows:read")

    everything = echopoint("executions", "list")
    chosen = echopoint("executions", "list", "--status", "failed", "-o", "json")
    flow = str(execution.flow_id)
    of_flow = echopoint("executions", "list", "--flow", flow, "-o", "json")

    assert "Checkout" in everything.out
    assert "running" in everything.out
    assert chosen.json["total"] == 0
    assert of_flow.json["total"] == 1


def test_one_is_shown(echopoint, sign, execution):
    sign("flows:read")

    shown = echopoint("executions", "get", str(execution.pk))
    told = echopoint("executions", "get", str(execution.pk), "-o", "json")

    assert "running" in shown.out
    assert told.json["id"] == str(execution.pk)


def test_one_is_cancelled_and_once_ended_is_not(echopoint, sign, execution):
    sign("flows:execute")

    first = echopoint("executions", "cancel", str(execution.pk), "-o", "json")
    again = echopoint("executions", "cancel", str(execution.pk))
    Execution.objects.update(status="failed")
    late = echopoint("executions", "cancel", str(execution.pk))

    assert (first.code, first.json["status"]) == (0, "cancelled")
    assert again.code == 0
    assert late.code == 3
    assert "has already failed" in late.err


def test_one_that_is_not_there_is_an_error(echopoint, sign):
    sign("flows:read")

    ended = echopoint("executions", "get", "00000000-0000-4000-8000-000000000000")

    assert ended.code == 3
    assert "NOT_FOUND" in ended.err
