"""Reading executions and their nodes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from echopoint.executions.models import Execution
from tests.executions.runner_client import completion


@pytest.fixture
def reader(api):
    return api("flows:read")


def ids(response):
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_all_executions_are_listed_the_newest_first(launch, publish, reader):
    first, second = launch(), launch()
    publish(first)

    answer = reader.get("/executions").json()

    assert (answer["total"], answer["count"]) == (2, 2)
    assert [item["id"] for item in answer["items"]] == [second["id"], first["id"]]
    assert answer["items"][1] == {
        "id": first["id"],
        "flow_id": first["flow_id"],
        "flow_name": "Checkout",
        "organization_id": first["organization_id"],
        "status": "completed",
        "trigger_type": "manual",
        "runner_type": "ephemeral",
        "environment_key": None,
        "schedule_run_id": None,
        "started_at": first["started_at"],
        "completed_at": "2026-01-05T10:00:01Z",
        "error_message": None,
        "error_code": None,
    }


def test_executions_are_filtered(launch, publish, reader, make_flow):
    old, new = launch(), launch(trigger_type="git")
    elsewhere = launch(of=make_flow())
    publish(old)
    Execution.objects.filter(pk=old["id"]).update(
        started_at=timezone.now() - timedelta(days=2)
    )
    yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

    assert ids(reader.get("/executions?status=completed")) == [old["id"]]
    assert ids(reader.get("/executions?trigger_type=git")) == [new["id"]]
    by_flow = reader.get(f"/executions?flow_id={elsewhere['flow_id']}")
    assert ids(by_flow) == [elsewhere["id"]]
    assert ids(reader.get(f"/executions?since={yesterday}&limit=1&offset=1")) == [
        new["id"]
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("trigger_type=cron", "trigger_type"),
        ("flow_id=1", "flow_id"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
    ],
)
def test_a_filter_that_is_none_is_refused(reader, query, field):
    response = reader.get(f"/executions?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_the_executions_of_a_flow_are_its_own(launch, reader, make_flow, flow):
    mine = launch()
    launch(of=make_flow())

    answer = reader.get(f"/flows/{flow.pk}/executions").json()

    assert answer["items"] == [mine]
    assert reader.get(f"/flows/{flow.pk}/executions/{mine['id']}").json() == mine


def test_an_execution_is_not_found_under_another_flow(launch, reader, make_flow):
    mine, other = launch(), make_flow()

    response = reader.get(f"/flows/{other.pk}/executions/{mine['id']}")

    assert response.status_code == 404


def test_nodes_come_in_the_order_of_the_result(launch, publish, reader, flow):
    record = completion()["result"]["execution_results"]["pay"]
    nodes = {name: record | {"node_id": name} for name in ("z", "pay", "a")}
    execution = launch()
    publish(execution, result={"execution_results": nodes})
    path = f"/flows/{flow.pk}/executions/{execution['id']}/nodes"

    answer = reader.get(path).json()

    assert [node["node_id"] for node in answer] == ["z", "pay", "a"]
    assert reader.get(f"{path}/pay").json() == answer[1]
    assert reader.get(f"{path}/nobody").status_code == 404


def test_a_nodes_history_goes_from_execution_to_execution(
    launch, publish, reader, flow
):
    executions = [launch(), launch()]
    for execution in executions:
        publish(execution)

    answer = reader.get(f"/flows/{flow.pk}/nodes/pay/executions?limit=1").json()

    assert (answer["total"], answer["count"]) == (2, 1)
    assert answer["items"][0]["execution_id"] == executions[1]["id"]
    none = reader.get(f"/flows/{flow.pk}/nodes/nobody/executions").json()
    assert none == {"total": 0, "count": 0, "items": []}


def test_executions_outlive_their_flow(launch, publish, reader, flow):
    execution = launch()
    flow.delete()

    published = publish(execution)

    assert published.status_code == 200
    (item,) = reader.get("/executions").json()["items"]
    assert (item["flow_id"], item["flow_name"]) == (execution["flow_id"], "Checkout")
    assert reader.get(f"/flows/{execution['flow_id']}/executions").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/flows/{flow}/executions",
        "/flows/{flow}/executions/{id}",
        "/flows/{flow}/executions/{id}/nodes",
        "/flows/{flow}/executions/{id}/nodes/pay",
        "/flows/{flow}/nodes/pay/executions",
    ],
)
def test_another_tenant_finds_nothing(launch, publish, reader, api, globex, flow, path):
    execution = launch()
    publish(execution)
    path = path.format(flow=flow.pk, id=execution["id"])
    foreign = api("flows:read", organization=globex)

    assert reader.get(path).status_code == 200
    assert foreign.get(path).status_code == 404
    assert ids(foreign.get("/executions")) == []


@pytest.mark.parametrize("path", ["/executions", "/flows/{flow}/executions"])
def test_a_list_costs_the_same_for_one_and_for_many(
    launch, reader, flow, path, django_assert_num_queries
):
    path = path.format(flow=flow.pk)
    launch()
    reader.get(path)
    # The key, what should have ended by now, and the flow in the path.
    lookups = 2 + (path != "/executions")

    for _ in range(2):
        with django_assert_num_queries(lookups + 3):  # the count, sizes, the page
            assert reader.get(path).status_code == 200
        launch(), launch()


def test_a_node_shows_which_names_it_did_not_know(launch, publish):
    known = completion()["result"]["execution_results"]["pay"]
    records = {
        "a": known | {"missing_inputs": ["typo"]},
        "b": known | {"missing_inputs": "typo"},
        "c": known,
    }

    response = publish(launch(), result={"execution_results": records})

    shown = [node["missing_inputs"] for node in response.json()["nodes"]]
    assert shown == [["typo"], None, None]
