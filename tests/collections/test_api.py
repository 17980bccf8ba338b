import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from echopoint.collections.models import Collection, Folder, SavedRequest


def errors(response):
    return [(e["code"], e.get("field")) for e in response.json()["errors"]]


def names(response):
    return [item["name"] for item in response.json()["items"]]


def test_a_collection_is_created_empty(acme_api, acme):
    response = acme_api.post("/collections", {"name": " Orders ", "description": "d"})

    row = Collection.objects.get()
    assert response.status_code == 201
    assert response.json() | {"created_at": "", "updated_at": ""} == {
        "id": str(row.pk),
        "organization_id": acme.pk,
        "name": "Orders",
        "description": "d",
        "source": "manual",
        "openapi_sync_config_id": None,
        "folder_count": 0,
        "request_count": 0,
        "folders": [],
        "requests": [],
        "created_at": "",
        "updated_at": "",
    }
    assert row.organization == acme


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a"},
        {"name": "a" * 255},
        {"name": "a", "description": None},
        {"name": "a", "description": ""},
        {"name": "a", "source": "manual"},
        {"name": "a", "source": "openapi"},
    ],
)
def test_a_collection_reads_as_it_was_written(acme_api, fields):
    response = acme_api.post("/collections", fields)

    assert response.status_code == 201
    assert response.json() | fields == response.json()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \n"}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "description": 1}, "description"),
        ({"name": "a", "source": "postman"}, "source"),
        ({"name": "a", "source": None}, "source"),
    ],
)
def test_a_collection_that_is_wrong_is_refused(acme_api, fields, field):
    response = acme_api.post("/collections", fields)

    assert response.status_code == 400
    assert errors(response) == [("VALIDATION_ERROR", field)]
    assert not Collection.objects.exists()


def test_a_collection_is_read_with_what_is_in_it(acme_api, collection, folder, saved):
    inner = folder("inner", parent=folder("outer"))
    saved("nested", folder=inner)
    saved("root")

    body = acme_api.get(f"/collections/{collection.pk}").json()

    assert (body["folder_count"], body["request_count"]) == (2, 2)
    assert [item["name"] for item in body["folders"]] == ["inner", "outer"]
    assert [item["name"] for item in body["requests"]] == ["root", "nested"]


def test_a_list_has_the_counts_but_not_the_contents(acme_api, folder, saved):
    saved(folder=folder())
    saved()

    (item,) = acme_api.get("/collections").json()["items"]

    assert (item["folder_count"], item["request_count"]) == (1, 2)
    assert item["folders"] == item["requests"] == []


def test_collections_are_listed_newest_first_and_by_page(acme_api, acme):
    for n in range(5):
        Collection.objects.create(organization=acme, name=str(n))

    response = acme_api.get("/collections?limit=2&offset=1")

    assert names(response) == ["3", "2"]
    assert (response.json()["total"], response.json()["count"]) == (5, 2)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1", 200),
        ("limit=100&offset=0", 200),
        ("limit=0", 400),
        ("limit=101", 400),
        ("limit=x", 400),
        ("offset=-1", 400),
        ("offset=1.5", 400),
    ],
)
def test_a_page_out_of_range_is_refused(acme_api, collection, query, status):
    paths = ["/collections", f"/collections/{collection.pk}/requests"]

    assert [acme_api.get(f"{path}?{query}").status_code for path in paths] == [
        status,
        status,
    ]


@pytest.mark.parametrize(
    "path",
    ["/collections", "/collections/{}", "/collections/{}/folders"]
    + ["/collections/{}/requests?include_nested=true"],
)
def test_a_list_costs_the_same_for_3_and_for_20(
    acme_api, acme, collection, folder, saved, path
):
    def fill(count):
        for n in range(count):
            Collection.objects.create(organization=acme, name=str(n))
            saved(folder=folder())

    def cost():
        with CaptureQueriesContext(connection) as queries:
            acme_api.get(path.format(collection.pk))
        return len(queries)

    fill(3)
    cost()  # the first use of a key is written down
    few = cost()
    fill(17)

    assert cost() == few


def test_an_update_keeps_what_is_absent(acme_api, collection):
    Collection.objects.update(description="kept")

    response = acme_api.put(f"/collections/{collection.pk}", {"name": "New"})

    collection.refresh_from_db()
    assert response.status_code == 200
    assert (collection.name, collection.description) == ("New", "kept")
    assert response.json()["name"] == "New"


def test_an_update_with_null_clears(acme_api, collection):
    Collection.objects.update(description="old")

    response = acme_api.put(f"/collections/{collection.pk}", {"description": None})

    assert response.json()["description"] is None
    assert response.json()["name"] == "Orders API"


def test_the_answer_to_an_update_has_the_contents(acme_api, collection, folder, saved):
    saved(folder=folder())

    body = acme_api.put(f"/collections/{collection.pk}", {"name": "New"}).json()

    assert (body["folder_count"], body["request_count"]) == (1, 1)
    assert len(body["folders"]) == len(body["requests"]) == 1


@pytest.mark.parametrize("name", ["", " ", None, "a" * 256])
def test_an_update_that_is_wrong_changes_nothing(acme_api, collection, name):
    response = acme_api.put(f"/collections/{collection.pk}", {"name": name})

    collection.refresh_from_db()
    assert errors(response) == [("VALIDATION_ERROR", "name")]
    assert collection.name == "Orders API"


def test_the_source_of_a_collection_never_changes(acme_api, collection):
    acme_api.put(f"/collections/{collection.pk}", {"source": "openapi"})

    collection.refresh_from_db()
    assert collection.source == "manual"


def test_a_deleted_collection_is_gone_with_its_contents(
    acme_api, collection, folder, saved
):
    saved(folder=folder(parent=folder()))

    first = acme_api.delete(f"/collections/{collection.pk}")
    second = acme_api.delete(f"/collections/{collection.pk}")

    assert (first.status_code, second.status_code) == (204, 204)
    assert not Folder.objects.exists()
    assert not SavedRequest.objects.exists()


@pytest.mark.parametrize("id", ["x", "%00", "1" * 99, "wh_a"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_malformed_id_is_not_found(acme_api, method, id):
    assert acme_api(method, f"/collections/{id}", {}).status_code == 404


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PUT", 404)])
def test_an_unknown_collection_is_not_found(acme_api, method, status):
    assert acme_api(method, f"/collections/{uuid.uuid4()}", {}).status_code == status
