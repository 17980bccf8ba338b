"""`GET /permissions`: the catalog, its presets, and what each scope opens."""

from dataclasses import replace

import pytest

from apikeys.scopes import SCOPES
from echopoint.webhooks.api import WebhookViewSet


def names(response):
    return [item["name"] for item in response.json()["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", list(SCOPES)),
        ("?type=custom", list(SCOPES)),
        ("?type=runner", ["runner:claim", "runner:complete"]),
        ("?type=ci", ["flows:execute", "flows:read", "runner:complete"]),
    ],
)
def test_the_catalog_is_served_in_parts(api, query, expected):
    response = api("webhooks:read").get(f"/permissions{query}")

    assert response.status_code == 200
    assert names(response) == expected
    assert response.json()["total"] == response.json()["count"] == len(expected)


@pytest.mark.parametrize("type", ["", "CI", "all", "ci%00"])
def test_another_part_is_refused(api, type):
    response = api("flows:read").get(f"/permissions?type={type}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "type"


def test_a_member_reads_the_catalog_too(api, bob):
    response = api(user=bob).get("/permissions")

    assert response.status_code == 200


def test_an_item_says_what_it_opens(api):
    response = api("flows:read").get("/permissions")

    item = next(i for i in response.json()["items"] if i["name"] == "webhooks:delete")
    assert item == {
        "name": "webhooks:delete",
        "description": SCOPES["webhooks:delete"].description,
        "scope_modifier": None,
        "resource": "webhooks",
        "action": "delete",
        "sensitive": False,
        "endpoints": [
            {
                "method": "DELETE",
                "path": "/webhooks/{id}",
                "operation_id": "deleteWebhook",
            }
        ],
    }


def test_what_hands_out_secret_values_is_sensitive(api):
    items = api("flows:read").get("/permissions").json()["items"]

    sensitive = {item["name"] for item in items if item["sensitive"]}
    assert sensitive == {"flows:execute", "runner:claim"}


def test_the_endpoints_follow_the_declared_scopes(api, monkeypatch):
    """They are generated: a changed declaration changes the answer."""
    declared = WebhookViewSet.api_actions["destroy"]
    changed = replace(declared, scopes=["webhooks:create"])
    monkeypatch.setitem(WebhookViewSet.api_actions, "destroy", changed)

    items = api("flows:read").get("/permissions").json()["items"]

    opened = {i["name"]: [e["operation_id"] for e in i["endpoints"]] for i in items}
    assert "deleteWebhook" in opened["webhooks:create"]
    assert opened["webhooks:delete"] == []
