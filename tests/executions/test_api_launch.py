"""`POST /flows/{id}/launch`."""

import uuid

import pytest

from apikeys.scopes import SCOPES
from echopoint.executions.models import Execution, RunnerJob
from echopoint.flows.models import Flow
from tests.core.keys import KEY
from tests.executions.definitions import node
from tests.executions.responses import error_of


def test_an_ephemeral_launch_returns_the_flow_and_its_inputs(ci, flow, acme):
    response = ci.post(f"/flows/{flow.pk}/launch", {"runner_type": "ephemeral"})

    assert response.status_code == 202
    execution = response.json()["execution"]
    key = Execution.objects.get().launched_by_key
    assert execution == {
        "id": execution["id"],
        "flow_id": str(flow.pk),
        "organization_id": acme.pk,
        "flow_snapshot": flow.flow_definition,
        "runner_inputs": {},
        "secret_input_keys": [],
        "referenced_flows": {},
        "status": "running",
        "runner_type": "ephemeral",
        "environment_key": "",
        "schedule_run_id": None,
        "timeout_seconds": 3600,
        "deadline_at": execution["deadline_at"],
        "started_at": execution["created_at"],
        "completed_at": None,
        "executed_by": None,
        "executor_boot_id": None,
        "executor_version": None,
        "execution_started_at": execution["created_at"],
        "error_message": None,
        "error_code": None,
        "trigger_type": "manual",
        "trigger_metadata": {"actor_type": "api_key", "actor_id": key.rest_id},
        "launched_by_key_id": key.rest_id,
        "completed_by_key_id": None,
        "created_at": execution["created_at"],
        "updated_at": execution["updated_at"],
    }


@pytest.mark.parametrize("spelling", ["query_params", "queryParams"])
def test_a_flow_from_before_carries_both_spellings(launch, make_flow, spelling):
    request = {"method": "GET", "url": "/", spelling: {"page": 1}}
    called = make_flow(node("inner", data=request))
    module = node("call", type="module", data={"flow_id": str(called.pk)})
    flow = make_flow(module, node("pay", data=request))
    before = flow.flow_definition

    execution = launch(of=flow)

    inner = execution["referenced_flows"][str(called.pk)]["flow_definition"]
    for sent in (execution["flow_snapshot"]["nodes"][1], inner["nodes"][0]):
        assert sent["data"]["query_params"] == {"page": 1}
        assert sent["data"]["queryParams"] == {"page": 1}
    flow.refresh_from_db()
    assert flow.flow_definition == before


def test_a_launch_without_a_runner_type_waits_for_a_self_hosted_runner(ci, flow):
    execution = ci.post(f"/flows/{flow.pk}/launch", {}).json()["execution"]

    assert (execution["runner_type"], execution["status"]) == ("self_hosted", "pending")
    assert execution["execution_started_at"] is None
    assert RunnerJob.objects.get().execution_id == uuid.UUID(execution["id"])


def test_an_ephemeral_launch_queues_no_job(launch):
    launch()

    assert not RunnerJob.objects.exists()


def test_a_cloud_launch_is_refused_and_the_error_names_the_other_runner_types(ci, flow):
    response = ci.post(f"/flows/{flow.pk}/launch", {"runner_type": "cloud"})

    error = error_of(response, 400)
    assert error["field"] == "runner_type"
    assert "self_hosted" in error["message"]
    assert "ephemeral" in error["message"]
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"runner_type": "EPHEMERAL"}, "runner_type"),
        ({"runner_type": None}, "runner_type"),
        ({"environment_key": "nowhere"}, "environment_key"),
        ({"environment_key": 1}, "environment_key"),
        ({"environment_key": "x\ny"}, "environment_key"),
        ({"version_id": str(uuid.uuid4())}, "version_id"),
        ({"version_id": "latest"}, "version_id"),
        ({"trigger_type": "scheduled"}, "trigger_type"),
        ({"trigger_metadata": []}, "trigger_metadata"),
        ({"trigger_metadata": {}}, "trigger_metadata.actor_type"),
        ({"trigger_metadata": {"actor_type": "x"}}, "trigger_metadata.actor_type"),
        (
            {"trigger_type": "git", "trigger_metadata": {"run_id": 17}},
            "trigger_metadata.run_id",
        ),
        (
            {"trigger_type": "git", "trigger_metadata": {"sha": "a" * 1001}},
            "trigger_metadata.sha",
        ),
    ],
)
def test_an_invalid_launch_is_refused_by_field(ci, flow, body, field):
    response = ci.post(f"/flows/{flow.pk}/launch", body)

    assert error_of(response, 400)["field"] == field
    assert not Execution.objects.exists()


def test_git_metadata_is_stored(launch, flow):
    told = {"source": "github_actions", "repository": "a/b", "run_attempt": "2"}

    execution = launch(trigger_type="git", trigger_metadata=told)

    assert execution["trigger_metadata"] == told
    assert execution["trigger_type"] == "git"


@pytest.mark.parametrize(
    "disguised",
    [
        "\x85".join((KEY[:12], KEY[12:46], KEY[46:])),
        "\n".join((KEY[:12], KEY[12:46], KEY[46:])),
        "".join(f"%{ord(c):02x}" for c in KEY),
    ],
)
def test_a_disguised_key_in_the_metadata_is_refused(ci, flow, disguised):
    bodies = {
        "ref": {"trigger_type": "git", "trigger_metadata": {"ref": disguised}},
        "actor_id": {
            "trigger_metadata": {"actor_type": "user", "actor_id": f"x {disguised}"}
        },
    }

    for name, body in bodies.items():
        response = ci.post(f"/flows/{flow.pk}/launch", body)

        assert error_of(response, 400)["field"] == f"trigger_metadata.{name}"
        assert KEY[46:] not in response.text
    assert not Execution.objects.exists()


def test_the_snapshot_does_not_change_with_the_flow(launch, flow, api):
    execution = launch()
    Flow.objects.update(flow_definition={"nodes": [], "edges": []})

    reader = api("flows:read")
    later = reader.get(f"/flows/{flow.pk}/executions/{execution['id']}").json()

    assert later["flow_snapshot"] == execution["flow_snapshot"]


def test_inputs_come_from_the_organization_the_environment_and_the_flow(
    launch, flow, variables, api, alice
):
    api(user=alice).post("/organization/environments", {"name": "staging"})
    variables("/organization/variables", A="base", B="base", C="base")
    variables("/organization/environments/staging/variables", B="staging", C="staging")
    variables(f"/flows/{flow.pk}/variables", C="flow")

    execution = launch(environment_key="staging")

    assert execution["runner_inputs"] == {"A": "base", "B": "staging", "C": "flow"}
    assert execution["environment_key"] == "staging"


def test_the_launcher_gets_the_secrets_and_no_one_later(
    launch, flow, variables, api, alice
):
    variables("/organization/variables", SECRET_A="canary-a", A="plain")

    execution = launch()

    assert execution["runner_inputs"] == {"A": "plain", "SECRET_A": "canary-a"}
    assert execution["secret_input_keys"] == ["SECRET_A"]
    path = f"/flows/{flow.pk}/executions/{execution['id']}"
    for reader in (api("flows:read"), api(user=alice)):
        later = reader.get(path)
        assert later.json()["runner_inputs"] == {"A": "plain", "SECRET_A": "***"}
        assert "canary-a" not in reader.get(f"/flows/{flow.pk}/executions").text
    assert "canary-a" not in str(Execution.objects.values())


def test_a_module_brings_the_flow_it_calls_with_its_own_variables(
    launch, make_flow, variables
):
    login = make_flow(node("login"), name="Login")
    variables(f"/flows/{login.pk}/variables", SECRET_PASSWORD="canary", USER="u")
    call = {"type": "module", "data": {"flow_id": str(login.pk).upper()}}
    caller = make_flow(node("call", **call))

    execution = launch(of=caller)

    assert execution["referenced_flows"] == {
        str(login.pk): {
            "flow_definition": login.flow_definition,
            "input_overrides": {"SECRET_PASSWORD": "canary", "USER": "u"},
            "secret_input_keys": ["SECRET_PASSWORD"],
        }
    }
    stored = Execution.objects.get().referenced_flows[str(login.pk)]
    assert stored["input_overrides"] == {"SECRET_PASSWORD": "***", "USER": "u"}


def test_flows_that_call_each_other_are_there_once(launch, make_flow):
    first, second = make_flow(), make_flow()
    for flow, called in ((first, second), (second, first)):
        flow.flow_definition["nodes"] = [
            node("call", type="module", data={"flow_id": str(called.pk)})
        ]
        flow.save()

    execution = launch(of=first)

    assert set(execution["referenced_flows"]) == {str(first.pk), str(second.pk)}


@pytest.mark.parametrize(("limit", "status"), [(10_000, 202), (9_000, 409)])
def test_called_flows_have_a_size_limit(ci, make_flow, monkeypatch, limit, status):
    monkeypatch.setattr("echopoint.executions.referenced_flows.MAX_SIZE", limit)
    long = [node("a", data={"method": "GET", "url": "u" * 3000}) for _ in range(3)]
    called = make_flow(*long)
    caller = make_flow(node("call", type="module", data={"flow_id": str(called.pk)}))

    response = ci.post(f"/flows/{caller.pk}/launch", {})

    assert response.status_code == status
    assert Execution.objects.count() == (status == 202)


@pytest.mark.parametrize("whose", ["nobody", "globex"])
def test_a_module_of_a_flow_that_is_not_there_is_a_conflict(
    ci, make_flow, globex, whose
):
    foreign = make_flow(organization=globex).pk if whose == "globex" else uuid.uuid4()
    caller = make_flow(node("call", type="module", data={"flow_id": str(foreign)}))

    response = ci.post(f"/flows/{caller.pk}/launch", {})

    assert str(foreign) in error_of(response, 409)["message"]
    assert not Execution.objects.exists()


def test_another_tenants_flow_is_not_found(api, flow, globex):
    foreign = api(*SCOPES, organization=globex)

    response = foreign.post(f"/flows/{flow.pk}/launch", {})

    assert error_of(response, 404)["code"] == "NOT_FOUND"
    assert not Execution.objects.exists()


def test_another_tenants_variables_are_not_resolved(launch, api, mallory, globex):
    api(user=mallory).put("/organization/variables/A", {"value": "globex"})

    assert launch()["runner_inputs"] == {}


class TestIdempotency:
    @pytest.fixture
    def again(self, launch):
        def again(key="k-1", **more):
            return launch(headers={"Idempotency_Key": key}, **more)

        return again

    def test_the_same_launch_answers_with_the_same_execution(self, ci, flow, again):
        first = again()

        headers = {"Idempotency_Key": "k-1"}
        body = {"runner_type": "ephemeral"}
        second = ci.post(f"/flows/{flow.pk}/launch", body, **headers)

        assert second.status_code == 202
        assert second["Idempotent-Replayed"] == "true"
        assert second.json()["execution"] == first
        assert Execution.objects.count() == 1

    def test_a_first_launch_is_no_replay(self, ci, flow):
        response = ci.post(f"/flows/{flow.pk}/launch", {}, Idempotency_Key="k-1")

        assert "Idempotent-Replayed" not in response

    def test_metadata_is_no_other_parameter(self, again):
        first = again(trigger_metadata={"actor_type": "user"})

        assert again(trigger_metadata={"actor_type": "api_key"})["id"] == first["id"]

    @pytest.mark.parametrize(
        "change",
        [
            {"runner_type": "self_hosted"},
            {"trigger_type": "git"},
            {"environment_key": "staging"},
        ],
    )
    def test_other_parameters_are_a_conflict(self, ci, flow, again, change, api, alice):
        api(user=alice).post("/organization/environments", {"name": "staging"})
        again()

        body = {"runner_type": "ephemeral"} | change
        response = ci.post(f"/flows/{flow.pk}/launch", body, Idempotency_Key="k-1")

        assert error_of(response, 409)["code"] == "CONFLICT"
        assert Execution.objects.count() == 1

    def test_other_keys_and_other_flows_are_other_launches(self, again, make_flow):
        ids = {again()["id"], again("k-2")["id"], again(of=make_flow())["id"]}

        assert len(ids) == 3

    def test_another_organization_has_keys_of_its_own(
        self, again, api, globex, make_flow
    ):
        mine = again()
        theirs = make_flow(organization=globex)
        foreign = api("flows:execute", organization=globex)

        assert again(client=foreign, of=theirs)["id"] != mine["id"]

    def test_another_key_gets_the_execution_without_its_secrets(
        self, again, api, variables
    ):
        variables("/organization/variables", SECRET_A="canary")
        first = again()

        second = again(client=api("flows:execute"))

        assert second["id"] == first["id"]
        assert first["runner_inputs"] == {"SECRET_A": "canary"}
        assert second["runner_inputs"] == {"SECRET_A": "***"}

    def test_the_launcher_gets_no_secrets_of_an_execution_that_ended(
        self, again, publish, variables
    ):
        variables("/organization/variables", SECRET_A="canary")
        publish(again())

        later = again()

        assert later["status"] == "completed"
        assert later["runner_inputs"] == {"SECRET_A": "***"}

    @pytest.mark.parametrize("key", ["", "  ", "k" * 256])
    def test_a_key_of_another_length_is_refused(self, ci, flow, key):
        response = ci.post(f"/flows/{flow.pk}/launch", {}, Idempotency_Key=key)

        assert error_of(response, 400)["field"] == "Idempotency-Key"
        assert not Execution.objects.exists()

    def test_the_longest_key_is_taken(self, again):
        assert again("k" * 255)["id"]
