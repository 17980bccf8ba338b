import pytest

from echopoint.collections.models import SavedRequest

UNKNOWN = "6f8d7c9e-2b1a-4c3d-8e5f-0a1b2c3d4e5f"
MINIMAL = {"name": "List", "method": "GET", "url": "https://a.test/{{path}}"}
AUTH = {
    "source_option_id": "1",
    "source_option_label": None,
    "type": "api_key",
    "token": "",
    "key": "X-Key",
    "value": "s3cret",
    "in": "header",
    "username": None,
    "password": None,
}
SPEC = {
    "primary_status_code": 200,
    "status_codes": [100, 200, 599],
    "primary_content_type": None,
    "content_types": ["application/json"],
    "body_kind": "json",
    "schema": {"type": "object", "properties": {}},
}
FULL = MINIMAL | {
    "description": "d",
    "headers": {"Accept": "*/*", "X-Empty": ""},
    "auth": AUTH,
    "body": {"a": [1, 2.5, None, {"b": True}]},
    "timeout": 3_600_000,
    "response_spec": SPEC,
}


@pytest.fixture
def path(collection):
    return f"/collections/{collection.pk}/requests"


@pytest.fixture
def listed(acme_api, path):
    """Return the names that a list of the collection's requests answers with."""

    def listed(query=""):
        response = acme_api.get(f"{path}?{query}")
        assert response.status_code == 200, response.content
        return [item["name"] for item in response.json()["items"]]

    return listed


def errors(response):
    return [(e["code"], e.get("field")) for e in response.json()["errors"]]


def test_a_request_with_only_what_it_must_have_is_saved(acme_api, collection, path):
    response = acme_api.post(path, MINIMAL)

    row = SavedRequest.objects.get()
    assert response.status_code == 201
    assert response.json() | {"created_at": "", "updated_at": ""} == MINIMAL | {
        "id": str(row.pk),
        "collection_id": str(collection.pk),
        "folder_id": None,
        "description": None,
        "headers": None,
        "auth": None,
        "body": None,
        "timeout": None,
        "response_spec": None,
        "auth_options": None,
        "created_at": "",
        "updated_at": "",
    }


def test_a_full_request_reads_as_it_was_written(acme_api, path, folder):
    fields = FULL | {"folder_id": str(folder().pk)}

    created = acme_api.post(path, fields)
    read = acme_api.get(f"{path}/{created.json()['id']}")

    assert created.status_code == 201
    assert created.json() | fields == created.json() == read.json()


@pytest.mark.parametrize(
    "change",
    [
        *[{"method": m} for m in ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]],
        {"url": "{"},
        {"url": "x" * 2048},
        {"headers": {}},
        {"headers": None},
        {"body": {}},
        {"timeout": 0},
        {"auth": {"type": "none"}},
        {"auth": {"type": "basic", "username": "a", "password": "b"}},
        {"auth": {"type": "bearer", "in": None}},
        {"response_spec": {}},
        {"response_spec": {"body_kind": None, "schema": None}},
        {"folder_id": None},
    ],
)
def test_what_the_contract_allows_is_saved(acme_api, path, change):
    response = acme_api.post(path, MINIMAL | change)

    assert response.status_code == 201
    assert response.json() | change == response.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"method": "get"}, "method"),
        ({"method": "TRACE"}, "method"),
        ({"method": None}, "method"),
        ({"url": ""}, "url"),
        ({"url": "x" * 2049}, "url"),
        ({"url": 1}, "url"),
        ({"headers": []}, "headers"),
        ({"headers": {"a": 1}}, "headers.a"),
        ({"headers": {"a": None}}, "headers.a"),
        ({"body": "text"}, "body"),
        ({"body": [1]}, "body"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 3_600_001}, "timeout"),
        ({"timeout": 1.5}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"auth": {}}, "auth.type"),
        ({"auth": []}, "auth"),
        ({"auth": {"type": "digest"}}, "auth.type"),
        ({"auth": {"type": "bearer", "token": 1}}, "auth.token"),
        ({"auth": {"type": "api_key", "in": "body"}}, "auth.in"),
        ({"response_spec": 1}, "response_spec"),
        (
            {"response_spec": {"primary_status_code": 99}},
            "response_spec.primary_status_code",
        ),
        (
            {"response_spec": {"status_codes": [200, 600]}},
            "response_spec.status_codes[1]",
        ),
        ({"response_spec": {"status_codes": None}}, "response_spec.status_codes"),
        ({"response_spec": {"content_types": [1]}}, "response_spec.content_types[0]"),
        ({"response_spec": {"body_kind": "html"}}, "response_spec.body_kind"),
        ({"response_spec": {"schema": []}}, "response_spec.schema"),
        ({"folder_id": UNKNOWN}, "folder_id"),
        ({"folder_id": "x"}, "folder_id"),
        ({"folder_id": 1}, "folder_id"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused(
    acme_api, path, saved, change, field
):
    row = saved("kept")

    created = acme_api.post(path, MINIMAL | change)
    updated = acme_api.put(f"{path}/{row.pk}", change)

    assert created.status_code == updated.status_code == 400
    assert errors(created) == errors(updated) == [("VALIDATION_ERROR", field)]
    assert SavedRequest.objects.get().name == "kept"


@pytest.mark.parametrize("field", ["name", "method", "url"])
def test_a_request_must_have_its_name_method_and_url(acme_api, path, field):
    response = acme_api.post(path, {k: v for k, v in MINIMAL.items() if k != field})

    assert errors(response) == [("VALIDATION_ERROR", field)]


def test_an_update_keeps_what_is_absent(acme_api, path, folder):
    fields = FULL | {"folder_id": str(folder().pk)}
    before = acme_api.post(path, fields).json()

    after = acme_api.put(f"{path}/{before['id']}", {"name": "New"}).json()

    unchanged = {"name", "updated_at"}
    assert after["name"] == "New"
    assert {k: v for k, v in after.items() if k not in unchanged} == {
        k: v for k, v in before.items() if k not in unchanged
    }


def test_an_update_with_null_clears(acme_api, path, folder):
    id = acme_api.post(path, FULL | {"folder_id": str(folder().pk)}).json()["id"]
    cleared = dict.fromkeys(
        ["description", "headers", "auth", "body", "timeout", "response_spec"]
        + ["folder_id"]
    )

    response = acme_api.put(f"{path}/{id}", cleared)

    assert response.status_code == 200
    assert response.json() | cleared == response.json()


def test_a_list_has_the_root_unless_it_is_told_a_folder(listed, folder, saved):
    outer = folder()
    inner = folder(parent=outer)
    for name, place in [("root", None), ("outer", outer), ("inner", inner)]:
        saved(name, folder=place)
    saved("beside", folder=folder())

    assert listed() == ["root"]
    assert listed("include_nested=false") == ["root"]
    assert listed("include_nested=true") == ["beside", "inner", "outer", "root"]
    assert listed(f"folder_id={outer.pk}") == ["outer"]
    assert listed(f"folder_id={outer.pk}&include_nested=true") == ["inner", "outer"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"folder_id={UNKNOWN}", "folder_id"),
        ("folder_id=x", "folder_id"),
        ("folder_id=", "folder_id"),
        ("folder_id=%00", "folder_id"),
        ("include_nested=1", "include_nested"),
        ("include_nested=", "include_nested"),
        ("include_nested=True", "include_nested"),
        ("search=%00", "search"),
        ("search=" + "a" * 256, "search"),
    ],
)
def test_a_list_with_a_wrong_query_is_refused(acme_api, path, query, field):
    response = acme_api.get(f"{path}?{query}")

    assert response.status_code == 400
    assert errors(response) == [("VALIDATION_ERROR", field)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("50%25", ["50% off"]),
        ("a_b", ["a_b"]),
        ("TAGGED", ["a_b"]),
        ("orders", ["axb"]),
        ("", ["axb", "a_b", "500", "50% off"]),
    ],
)
def test_a_search_term_is_text_not_a_pattern(listed, saved, text, found):
    saved("50% off")
    saved("500")
    saved("a_b", description="tagged")
    saved("axb", url="https://a.test/orders")

    assert listed(f"search={text}") == found


def test_a_page_of_requests_says_how_many_match(acme_api, path, saved, folder):
    for n in range(4):
        saved(str(n))
    saved("nested", folder=folder())

    body = acme_api.get(f"{path}?limit=2&offset=1").json()

    assert (body["total"], body["count"]) == (4, 2)
    assert [item["name"] for item in body["items"]] == ["2", "1"]


def test_a_deleted_request_is_gone(acme_api, path, saved):
    row = saved()

    first = acme_api.delete(f"{path}/{row.pk}")
    second = acme_api.delete(f"{path}/{row.pk}")

    assert (first.status_code, second.status_code) == (204, 404)
    assert not SavedRequest.objects.exists()


@pytest.mark.parametrize("id", [UNKNOWN, "x", "%00"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_request_is_not_found(acme_api, path, method, id):
    assert acme_api(method, f"{path}/{id}", {}).status_code == 404


def test_a_folder_of_another_collection_does_not_resolve(
    acme_api, path, saved, folder, other
):
    row, elsewhere = saved(), folder(collection=other)
    fields = MINIMAL | {"folder_id": str(elsewhere.pk)}

    created = acme_api.post(path, fields)
    moved = acme_api.put(f"{path}/{row.pk}", fields)
    listed = acme_api.get(f"{path}?folder_id={elsewhere.pk}")

    wrong = [("VALIDATION_ERROR", "folder_id")]
    assert errors(created) == errors(moved) == errors(listed) == wrong


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_is_not_found_through_another_collection(
    acme_api, path, saved, other, method
):
    elsewhere = saved("kept", collection=other)

    response = acme_api(method, f"{path}/{elsewhere.pk}", {"name": "new"})

    elsewhere.refresh_from_db()
    assert response.status_code == 404
    assert elsewhere.name == "kept"


def test_the_secrets_of_a_request_are_not_in_its_text(saved):
    row = saved("Name", auth=AUTH)

    assert "s3cret" not in f"{row} {row!r}"
