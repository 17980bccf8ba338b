"""Searches ignore case in all alphabets, whatever the database."""

import pytest
from django.contrib import admin

from echopoint.flows.models import Flow
from echopoint.organizations.models import User

DEFINITION = {"name": "f", "version": "1.0", "nodes": [], "edges": []}


@pytest.fixture
def people(api, alice):
    return api(user=alice)


@pytest.fixture
def saved(people):
    """Return the path of the saved requests of a collection."""
    collection = people.post("/collections", {"name": "c"}).json()["id"]
    return f"/collections/{collection}/requests"


def capture(people, client, **sent):
    """Return the path of a search in what a webhook captured."""
    webhook = people.post("/webhooks", {"name": "hook"}).json()
    client.generic("POST", f"/webhook/{webhook['id']}?name=ÉTÉ&b=_%25", **sent)
    return f"/webhooks/{webhook['id']}/requests/search"


def found(response):
    assert response.status_code == 200, response.content
    return len(response.json()["items"])


@pytest.mark.parametrize("text", ["été", "ÉTÉ", "Été"])
def test_flows_webhooks_and_captured_requests_are_found(people, client, text):
    flow = {"name": "ÉTÉ", "flow_definition": DEFINITION}
    people.post("/flows", flow)
    people.post("/flows", flow | {"name": "other", "description": "d'été"})
    people.post("/flows", flow | {"name": "ete"})
    people.post("/webhooks", {"name": "été"})
    captured = capture(people, client, data="corps: été".encode())
    search = {"full_text_search": text}

    assert found(people.post("/flows/search", search)) == 2
    assert found(people.post("/webhooks/search", search)) == 1
    assert found(people.post(captured, search)) == 1
    assert found(people.post(captured, {"full_text_search": "CORPS: É"})) == 1


@pytest.mark.parametrize(
    ("text", "count"), [("été", 2), ("_", 1), ("100%", 1), ("c_", 0)]
)
def test_saved_requests_are_found_and_signs_mean_themselves(people, saved, text, count):
    for name in ("ÉTÉ", "100%", "a_b", "cx"):
        request = {"name": name, "method": "GET", "url": "https://shop.example"}
        people.post(saved, request | {"description": "Été" if name == "cx" else None})

    assert found(people.get(f"{saved}?search={text.replace('%', '%25')}")) == count


def test_the_console_finds_them_too(acme, rf):
    Flow.objects.create(organization=acme, name="ÉTÉ", flow_definition=DEFINITION)
    request = rf.get("/admin/")

    for text, count in (("été", 1), ("ete", 0)):
        site = admin.site._registry[Flow]
        rows, _ = site.get_search_results(request, Flow.objects.all(), text)

        assert rows.count() == count


def test_a_person_is_found_by_an_address_in_any_case(db):
    person = User.objects.create_user("zoé@exämple.example".replace("é", "e"))

    assert User.objects.get_by_natural_key("ZOE@EXÄMPLE.example") == person
