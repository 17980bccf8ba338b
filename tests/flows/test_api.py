"""`/flows`."""

import uuid

import pytest

from echopoint.flows.models import Flow

ALL = ["flows:read", "flows:create", "flows:update", "flows:delete"]
DEFINITION = {
    "name": "Checkout",
    "version": "1.0",
    "nodes": [
        {
            "id": "order",
            "display_name": "Order",
            "type": "request",
            "data": {
                "method": "GET",
                "url": "https://shop.example/orders",
                "query_params": {"page": 1},
                "queryParams": {"page": 1},
            },
            "extra": {"kept": True},
        }
    ],
    "edges": [],
}


@pytest.fixture
def key(api):
    return api(*ALL)


def create(key, **overrides):
    return key.post("/flows", {"name": "f", "flow_definition": DEFINITION} | overrides)


def test_a_flow_comes_back_as_it_was_written(key, acme):
    response = create(key, tags=["B", " a ", "b"], metadata={"x": [1]})

    assert response.status_code == 201
    flow = response.json()
    assert flow["flow_definition"] == DEFINITION
    assert flow["tags"] == ["a", "b"]
    assert flow["metadata"] == {"x": [1]}
    assert (flow["version"], flow["description"]) == ("1.0", None)
    assert (flow["organization_id"], flow["folder_id"]) == (acme.pk, None)
    assert flow.pop("warnings") == []
    assert key.get(f"/flows/{flow['id']}").json() == flow


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 1}, "name"),
        ({"description": "x" * 1001}, "description"),
        ({"version": 1}, "version"),
        ({"flow_definition": None}, "flow_definition"),
        ({"flow_definition": []}, "flow_definition"),
        ({"flow_definition": DEFINITION | {"edges": 1}}, "flow_definition.edges"),
        (
            {"flow_definition": DEFINITION | {"nodes": [{"type": "teleport"}]}},
            "flow_definition.nodes[0].type",
        ),
        ({"tags": "smoke"}, "tags"),
        ({"tags": [" "]}, "tags[0]"),
        ({"tags": ["x" * 65]}, "tags[0]"),
        ({"tags": ["\u0130" * 64]}, "tags[0]"),  # two characters each in lower case
        ({"metadata": []}, "metadata"),
        ({"metadata": {"node_positions": {"n": {"x": "1"}}}}, "metadata.node_positions.n"),
        ({"auto_layout": "yes"}, "auto_layout"),
        ({"folder_id": str(uuid.uuid4())}, "folder_id"),
        ({"folder_id": "x"}, "folder_id"),
    ],
)  # fmt: skip
def test_a_flow_that_cannot_be_is_refused_by_field(key, values, field):
    response = create(key, **values)

    assert response.status_code == 400, response.content
    assert field in [error["field"] for error in response.json()["errors"]]
    assert not Flow.objects.exists()


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "g"}, {"name": "g", "tags": ["smoke"]}),
        ({"tags": []}, {"name": "f", "tags": []}),
        ({"tags": ["new"]}, {"tags": ["new"]}),
        ({"description": "d"}, {"description": "d"}),
        ({"description": None}, {"description": None}),
        ({}, {"name": "f", "tags": ["smoke"]}),
    ],
)
def test_an_update_changes_what_it_names(key, change, shown):
    id = create(key, tags=["smoke"], description="before").json()["id"]

    response = key.put(f"/flows/{id}", change)

    assert response.status_code == 200
    flow = key.get(f"/flows/{id}").json()
    assert {name: flow[name] for name in shown} == shown


def test_a_deleted_flow_is_gone_and_deleting_it_again_is_fine(key):
    id = create(key).json()["id"]

    answers = [key.delete(f"/flows/{id}").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert key.get(f"/flows/{id}").status_code == 404


@pytest.mark.parametrize(
    "id", ["x", "1", "%00", "{}", "6f8d7c9e-2b1a-4c3d-8e5f-0a1b2c3d4e5"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_of_another_shape_is_not_found(key, method, id):
    response = key(method, f"/flows/{id}", {} if method == "PUT" else None)

    assert response.status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_organizations_flow_is_as_unknown(key, api, globex, method):
    theirs = create(api(*ALL, organization=globex)).json()["id"]
    body = {"name": "stolen"} if method == "PUT" else None

    foreign = key(method, f"/flows/{theirs}", body)
    unknown = key(method, f"/flows/{uuid.uuid4()}", body)

    assert foreign.status_code == unknown.status_code
    assert foreign.content == unknown.content
    assert Flow.objects.get().name == "f"


def test_lists_searches_and_tags_stay_in_the_organization(key, api, globex):
    create(api(*ALL, organization=globex), tags=["theirs"])

    assert key.get("/flows").json()["total"] == 0
    assert key.post("/flows/search").json()["total"] == 0
    assert key.get("/flows/tags").json()["items"] == []


@pytest.fixture
def four(key):
    for name, tags in [
        ("Login 100%", ["auth", "smoke"]),
        ("Login_old", ["auth"]),
        ("Pay", ["smoke", "pay"]),
        ("bare", []),
    ]:
        create(key, name=name, tags=tags)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({}, ["bare", "Pay", "Login_old", "Login 100%"]),
        ({"tags": ["smoke"]}, ["Pay", "Login 100%"]),
        ({"tags": [" SMOKE "]}, ["Pay", "Login 100%"]),
        ({"tags": ["smo"]}, []),
        ({"tags": ["auth", "pay"]}, ["Pay", "Login_old", "Login 100%"]),
        ({"tags": ["auth", "pay"], "tag_match_mode": "all"}, []),
        ({"tags": ["auth", "smoke"], "tag_match_mode": "all"}, ["Login 100%"]),
        ({"full_text_search": "LOGIN"}, ["Login_old", "Login 100%"]),
        ({"full_text_search": "0%"}, ["Login 100%"]),
        ({"full_text_search": "n_o"}, ["Login_old"]),
        ({"sort_by": "name", "sort_direction": "ASC", "tags": ["auth"]},
         ["Login 100%", "Login_old"]),
        ({"uncategorized": True, "tags": ["pay"]}, ["Pay"]),
        ({"folder_id": None, "tags": ["pay"]}, ["Pay"]),
        ({"pagination": {"limit": 2, "offset": 1}}, ["Pay", "Login_old"]),
    ],
)  # fmt: skip
def test_a_search_finds(key, four, search, found):
    body = key.post("/flows/search", search).json()

    assert [item["name"] for item in body["items"]] == found
    assert body["count"] == len(found)


def test_a_search_tells_how_many_there_are_beyond_the_page(key, four):
    body = key.post("/flows/search", {"pagination": {"limit": 1}}).json()

    assert (body["total"], body["count"]) == (4, 1)


def test_a_found_flow_has_its_definition_only_when_asked(key, four):
    without = key.post("/flows/search").json()["items"][0]
    asked = key.post("/flows/search", {"include_definition": True}).json()["items"][0]

    assert "flow_definition" not in without
    assert (without["node_count"], without["last_run_status"]) == (1, "none")
    assert asked["flow_definition"] == DEFINITION


def test_tags_are_listed_once_in_order(key, four):
    body = key.get("/flows/tags").json()

    assert body == {"items": ["auth", "pay", "smoke"], "count": 3, "limit": 100}


def test_listing_twenty_flows_costs_what_three_cost(key, django_assert_num_queries):
    for n in range(3):
        create(key, tags=[f"t{n}"])
    key.get("/flows")
    with django_assert_num_queries(
        5
    ):  # the key, the count, sizes, the flows, their tags
        key.get("/flows")
    for n in range(17):
        create(key, tags=[f"t{n}", "x"])

    with django_assert_num_queries(5):
        response = key.get("/flows")

    assert response.json()["count"] == 20
