import pytest

from echopoint.collections.models import Collection

ALL = ["collections:read", "collections:create", "collections:update"]
ALL = [*ALL, "collections:delete"]

OPERATIONS = [
    ("GET", "/collections/{collection}", "collections:read"),
    ("PUT", "/collections/{collection}", "collections:update"),
    ("GET", "/collections/{collection}/folders", "collections:read"),
    ("POST", "/collections/{collection}/folders", "collections:create"),
    ("PUT", "/collections/{collection}/folders/{folder}", "collections:update"),
    ("DELETE", "/collections/{collection}/folders/{folder}", "collections:delete"),
    ("GET", "/collections/{collection}/requests", "collections:read"),
    ("POST", "/collections/{collection}/requests", "collections:create"),
    ("GET", "/collections/{collection}/requests/{request}", "collections:read"),
    ("PUT", "/collections/{collection}/requests/{request}", "collections:update"),
    ("DELETE", "/collections/{collection}/requests/{request}", "collections:delete"),
]
TOP = [
    ("GET", "/collections", "collections:read"),
    ("POST", "/collections", "collections:create"),
    ("DELETE", "/collections/{collection}", "collections:delete"),
]
BODY = {"name": "new", "method": "GET", "url": "https://a.test"}


@pytest.fixture
def ids(collection, folder, saved):
    return {"collection": collection.pk, "folder": folder().pk, "request": saved().pk}


@pytest.fixture
def theirs(foreign, folder, saved):
    """The ids of another organization's rows."""
    return {
        "collection": foreign.pk,
        "folder": folder("theirs", collection=foreign).pk,
        "request": saved("theirs", collection=foreign).pk,
    }


def untouched(foreign):
    """Whether the other organization's rows are as they were."""
    return (
        [row.name for row in foreign.folders.all()] == ["theirs"]
        and [row.name for row in foreign.requests.all()] == ["theirs"]
        and Collection.objects.get(pk=foreign.pk).name == "Theirs"
    )


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_another_organizations_collection_is_not_found(
    acme_api, foreign, theirs, method, path, scope
):
    response = acme_api(method, path.format(**theirs), BODY)

    assert response.status_code == 404
    assert untouched(foreign)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [operation for operation in OPERATIONS if operation[1].count("{") == 2],
)
def test_another_organizations_row_is_not_found_through_ones_own_collection(
    acme_api, collection, foreign, theirs, method, path, scope
):
    mine = theirs | {"collection": collection.pk}

    response = acme_api(method, path.format(**mine), BODY)

    assert response.status_code == 404
    assert untouched(foreign)


def test_deleting_another_organizations_collection_changes_nothing(
    acme_api, foreign, theirs
):
    assert acme_api.delete(f"/collections/{foreign.pk}").status_code == 204
    assert untouched(foreign)


def test_another_organizations_collections_are_in_no_list(
    acme_api, collection, foreign
):
    items = acme_api.get("/collections").json()["items"]

    assert [item["id"] for item in items] == [str(collection.pk)]


def test_another_organizations_folder_does_not_resolve(acme_api, ids, theirs, foreign):
    folders = f"/collections/{ids['collection']}/folders"
    requests = f"/collections/{ids['collection']}/requests"
    to_folder = {"parent_id": str(theirs["folder"])}
    to_request = BODY | {"folder_id": str(theirs["folder"])}

    answers = [
        acme_api.post(folders, {"name": "a"} | to_folder),
        acme_api.put(f"{folders}/{ids['folder']}", to_folder),
        acme_api.post(requests, to_request),
        acme_api.put(f"{requests}/{ids['request']}", to_request),
        acme_api.get(f"{requests}?folder_id={theirs['folder']}"),
    ]

    assert [answer.status_code for answer in answers] == [400] * 5
    assert untouched(foreign)


@pytest.mark.parametrize(("method", "path", "scope"), [*TOP, *OPERATIONS])
def test_each_operation_takes_its_own_scope_alone(api, ids, method, path, scope):
    path = path.format(**ids)
    others = [other for other in ALL if other != scope]

    refused = api(*others)(method, path, BODY)
    admitted = api(scope)(method, path, BODY)

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "MISSING_REQUIRED_SCOPES"
    assert admitted.status_code < 300


def test_a_member_reads_collections_in_a_session(api, bob, collection):
    response = api(user=bob).get("/collections")

    assert response.json()["total"] == 1
