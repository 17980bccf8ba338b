import pytest

from echopoint.collections.models import Folder, SavedRequest

UNKNOWN = "6f8d7c9e-2b1a-4c3d-8e5f-0a1b2c3d4e5f"


@pytest.fixture
def path(collection):
    return f"/collections/{collection.pk}/folders"


def errors(response):
    return [(e["code"], e.get("field")) for e in response.json()["errors"]]


def test_a_folder_is_created_at_the_root(acme_api, collection, path):
    response = acme_api.post(path, {"name": " Admin ", "description": "d"})

    row = Folder.objects.get()
    assert response.status_code == 201
    assert response.json() | {"created_at": "", "updated_at": ""} == {
        "id": str(row.pk),
        "collection_id": str(collection.pk),
        "parent_id": None,
        "name": "Admin",
        "description": "d",
        "created_at": "",
        "updated_at": "",
    }


def test_a_folder_is_created_in_another(acme_api, path, folder):
    parent = folder()

    response = acme_api.post(path, {"name": "a", "parent_id": str(parent.pk)})

    assert response.status_code == 201
    assert response.json()["parent_id"] == str(parent.pk)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": "a", "description": []}, "description"),
        ({"name": "a", "parent_id": UNKNOWN}, "parent_id"),
        ({"name": "a", "parent_id": "x"}, "parent_id"),
        ({"name": "a", "parent_id": 1}, "parent_id"),
        ({"name": "a", "parent_id": ""}, "parent_id"),
    ],
)
def test_a_folder_that_is_wrong_is_refused(acme_api, path, fields, field):
    response = acme_api.post(path, fields)

    assert response.status_code == 400
    assert errors(response) == [("VALIDATION_ERROR", field)]
    assert not Folder.objects.exists()


def test_an_id_is_a_string_even_where_a_number_would_name_the_same(
    acme_api, path, folder
):
    fields = {"name": "a", "parent_id": folder().pk.int}

    assert errors(acme_api.post(path, fields)) == [("VALIDATION_ERROR", "parent_id")]


def test_all_folders_are_listed_without_pages(acme_api, path, folder):
    for n in range(25):
        folder(str(n))

    body = acme_api.get(path).json()

    assert body["total"] == body["count"] == 25
    assert [item["name"] for item in body["items"]][:2] == ["24", "23"]


def test_a_folder_moves_into_another_and_back_to_the_root(acme_api, path, folder):
    inner, outer = folder("inner"), folder("outer")

    moved = acme_api.put(f"{path}/{inner.pk}", {"parent_id": str(outer.pk)})
    back = acme_api.put(f"{path}/{inner.pk}", {"parent_id": None})

    assert moved.json()["parent_id"] == str(outer.pk)
    assert back.json()["parent_id"] is None


def test_an_update_keeps_what_is_absent(acme_api, path, folder):
    row = folder("old", description="kept", parent=folder())

    response = acme_api.put(f"{path}/{row.pk}", {"name": "new"})

    assert response.status_code == 200
    assert response.json()["name"] == "new"
    assert response.json()["description"] == "kept"
    assert response.json()["parent_id"] == str(row.parent_id)


def test_a_folder_cannot_become_its_own_descendant(acme_api, path, folder):
    outer = folder("outer")
    inner = folder("inner", parent=outer)

    for parent in (outer, inner):
        response = acme_api.put(f"{path}/{outer.pk}", {"parent_id": str(parent.pk)})
        assert errors(response) == [("VALIDATION_ERROR", "parent_id")]

    outer.refresh_from_db()
    assert outer.parent is None


def test_folders_nest_20_deep_and_no_deeper(acme_api, path):
    parent = None
    for _ in range(20):
        response = acme_api.post(path, {"name": "a", "parent_id": parent})
        assert response.status_code == 201
        parent = response.json()["id"]

    response = acme_api.post(path, {"name": "a", "parent_id": parent})

    assert errors(response) == [("VALIDATION_ERROR", "parent_id")]
    assert Folder.objects.count() == 20


def test_a_parent_in_another_collection_does_not_resolve(acme_api, path, folder, other):
    row, elsewhere = folder(), folder(collection=other)
    fields = {"name": "a", "parent_id": str(elsewhere.pk)}

    created = acme_api.post(path, fields)
    moved = acme_api.put(f"{path}/{row.pk}", fields)

    assert errors(created) == errors(moved) == [("VALIDATION_ERROR", "parent_id")]


def test_the_requests_of_a_deleted_folder_move_to_the_root(
    acme_api, path, folder, saved
):
    outer = folder("outer")
    inner = folder("inner", parent=outer)
    kept = saved(folder=folder("kept"))
    moved = [saved(folder=outer), saved(folder=inner)]

    response = acme_api.delete(f"{path}/{outer.pk}")

    at_root = SavedRequest.objects.filter(folder=None)
    assert (response.status_code, response.content) == (204, b"")
    assert set(at_root) == set(moved)
    assert list(Folder.objects.all()) == [kept.folder]


@pytest.mark.parametrize("id", [UNKNOWN, "x", "%00"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_folder_is_not_found(acme_api, path, method, id):
    assert acme_api(method, f"{path}/{id}", {}).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_folder_is_not_found_through_another_collection(
    acme_api, path, folder, other, method
):
    elsewhere = folder("kept", collection=other)

    response = acme_api(method, f"{path}/{elsewhere.pk}", {"name": "new"})

    elsewhere.refresh_from_db()
    assert response.status_code == 404
    assert elsewhere.name == "kept"
