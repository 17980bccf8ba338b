"""The commands that read, against the real server."""

import json

import pytest
import yaml

from apikeys.actors import Actor
from echopoint.flows.models import Flow
from echopoint.webhooks.models import Webhook
from tests.cli.api_key import KEY


@pytest.fixture
def flows(acme):
    definition = {"name": "F", "version": "1.0", "nodes": [], "edges": []}
    rows = [
        Flow(organization=acme, name=f"Flow {n:03}", flow_definition=definition)
        for n in range(205)
    ]
    return Flow.objects.bulk_create(rows)


def test_whoami_tells_key_organization_scopes_preset_and_days_left(
    echopoint, sign, acme
):
    key = sign("flows:execute", "flows:read", "runner:complete", expires_in_days=30)

    told, shown = echopoint("whoami", "-o", "json"), echopoint("whoami")

    assert told.code == shown.code == 0
    document = told.json
    assert document.pop("rate_limit")["requests_per_minute"] == 600
    assert document == {
        "api_key_id": key.rest_id,
        "organization_id": acme.pk,
        "permissions": ["flows:execute", "flows:read", "runner:complete"],
        "preset": "ci",
        "expires_at": f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": 29,
    }
    assert "flows:execute, flows:read, runner:complete (preset ci)" in shown.out
    assert "in 29 days" in shown.out
    assert shown.err == ""


def test_a_key_that_ends_within_two_weeks_is_warned_of(echopoint, sign):
    sign("flows:read", expires_in_days=14)
    soon = echopoint("whoami")
    sign("flows:read", expires_in_days=15)
    later = echopoint("whoami")

    assert "stops working in 13 days" in soon.err
    assert "Rotate it" in soon.err
    # The header has the end of a rotation too.
    assert "use its successor if it was rotated" in soon.err
    assert later.err == ""


def test_the_warning_is_one_line_beside_the_result(echopoint, sign, flows):
    sign("flows:read", expires_in_days=3)

    ended = echopoint("flows", "list", "-o", "json")

    assert ended.json["total"] == 205
    assert ended.err.count("stops working in 2 days") == ended.err.count("\n") == 1


def test_the_warning_is_written_to_a_file_for_the_action(
    echopoint, sign, tmp_path, monkeypatch
):
    file = tmp_path / "warning"
    monkeypatch.setenv("ECHOPOINT_WARNING_FILE", str(file))
    sign("flows:read", expires_in_days=15)
    echopoint("whoami")
    assert not file.exists()

    sign("flows:read", expires_in_days=3)
    echopoint("whoami")

    assert file.read_text().startswith("this API key stops working in 2 days, at 20")


def test_a_file_that_cannot_be_written_does_not_fail_the_command(
    echopoint, sign, tmp_path, monkeypatch
):
    monkeypatch.setenv("ECHOPOINT_WARNING_FILE", str(tmp_path / "no" / "folder"))
    sign("flows:read", expires_in_days=3)

    ended = echopoint("whoami")

    assert ended.code == 0
    assert "stops working in 2 days" in ended.err


def test_flows_are_all_listed_page_by_page(echopoint, sign, flows):
    sign("flows:read")

    ended = echopoint("flows", "list", "-o", "json", "--debug")

    assert ended.code == 0
    assert ended.json["total"] == ended.json["count"] == 205
    assert len({item["id"] for item in ended.json["items"]}) == 205
    assert ended.err.count("GET /flows 200") == 3


def test_a_page_of_flows_can_be_asked_for(echopoint, sign, flows):
    sign("flows:read")

    ended = echopoint("flows", "list", "--limit", "2", "--offset", "204", "-o", "json")

    assert (ended.json["total"], ended.json["count"]) == (205, 1)


def test_flows_are_a_table_for_people(echopoint, sign, acme):
    flow = Flow.objects.create(
        organization=acme,
        name="Check\x1b[31m out",
        flow_definition={"name": "F", "version": "1.0", "nodes": [], "edges": []},
    )
    flow.set_tags(["smoke", "pay"])
    sign("flows:read")

    ended = echopoint("flows", "list")

    assert str(flow.pk) in ended.out
    assert "pay, smoke" in ended.out
    assert "\x1b" not in ended.out


def test_no_flow_is_an_empty_list_and_no_error(echopoint, sign, acme):
    sign("flows:read")

    ended = echopoint("flows", "list", "-o", "json")

    assert ended.code == 0
    assert ended.json == {"total": 0, "count": 0, "items": []}


def test_one_flow_is_read_with_its_definition(echopoint, sign, flows):
    sign("flows:read")

    ended = echopoint("flows", "get", str(flows[3].pk), "-o", "yaml")

    flow = yaml.safe_load(ended.out)
    assert flow["name"] == "Flow 003"
    assert flow["flow_definition"]["version"] == "1.0"


def test_a_flow_of_another_organization_is_not_found(echopoint, sign, flows, globex):
    Flow.objects.filter(pk=flows[0].pk).update(organization=globex)
    sign("flows:read")

    theirs = echopoint("flows", "get", str(flows[0].pk), "-o", "json")
    ours = echopoint("flows", "get", str(flows[1].pk), "-o", "json")

    assert (theirs.code, ours.code) == (3, 0)
    assert theirs.json["status"] == "error"
    assert "HTTP 404 NOT_FOUND" in theirs.json["error_message"]


def test_a_missing_scope_is_named(echopoint, sign, flows):
    sign("webhooks:read")

    ended = echopoint("flows", "list")

    assert ended.code == 3
    assert "flows:read" in ended.err
    assert "MISSING_REQUIRED_SCOPES" in ended.err


def test_a_revoked_key_is_told_so(echopoint, sign, alice):
    key = sign("flows:read")
    before = echopoint("flows", "list")
    key.revoke(by=Actor.command("test"))

    after = echopoint("flows", "list")

    assert (before.code, after.code) == (0, 3)
    assert "API_KEY_REVOKED" in after.err


def test_permissions_are_those_of_a_type(echopoint, sign):
    sign("webhooks:read")

    ci = echopoint("permissions", "--type", "ci", "-o", "json")
    every = echopoint("permissions")

    names = {item["name"] for item in ci.json["items"]}
    assert names == {"flows:execute", "flows:read", "runner:complete"}
    assert "environment:delete" in every.out


def test_captured_requests_are_read(echopoint, sign, acme, client):
    webhook = Webhook.objects.create(organization=acme, name="Orders")
    client.post(f"/webhook/{webhook.pk}", {"paid": "4200"}, "application/json")
    client.put(f"/webhook/{webhook.pk}", "other", "text/plain")
    sign("webhooks:read")

    every = echopoint("webhooks", "requests", webhook.pk, "-o", "json")
    some = echopoint(
        "webhooks", "requests", webhook.pk, "--method", "post", "--search", "paid"
    )

    assert every.json["total"] == 2
    assert [item["method"] for item in every.json["items"]] == ["PUT", "POST"]
    assert "4200" in some.out
    assert "other" not in some.out
    json.loads(every.out)


def test_a_key_in_a_captured_body_is_hidden_before_the_body_is_cut(echopoint, api):
    captured = {"method": "POST", "body": f"{'x' * 44} {KEY}"}
    api.fail("/requests/search", (200, {"total": 1, "items": [captured]}))

    shown = echopoint("webhooks", "requests", "wh_1")

    assert "xxx ***" in shown.out
    assert "kkkkk" not in shown.out


def test_a_fault_of_the_environment_is_named_and_not_tried_again(
    echopoint, api, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "ftp://proxy.test")

    ended = echopoint("flows", "list")

    assert ended.code == 3
    assert 'HTTP_PROXY names a proxy of the kind "ftp"' in ended.err
    assert ended.err.count("\n") == 1


def test_a_proxy_that_refuses_is_named_instead_of_the_api(echopoint, api, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    ended = echopoint("flows", "list")

    assert ended.code == 3
    assert "The proxy 127.0.0.1:1 in HTTP_PROXY refused the connection" in ended.err
