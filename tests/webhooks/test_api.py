from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from echopoint.webhooks.models import Webhook

ALL = ["webhooks:read", "webhooks:create", "webhooks:delete"]


@pytest.fixture
def acme_api(api):
    return api(*ALL)


@pytest.fixture
def search(acme_api, webhook):
    """Return a search in what the webhook captured."""

    def search(**body):
        response = acme_api.post(f"/webhooks/{webhook.pk}/requests/search", body)
        assert response.status_code == 200, response.content
        return response.json()

    return search


def errors(response):
    return [(e["code"], e.get("field")) for e in response.json()["errors"]]


def found(answer, field="id"):
    return [item[field] for item in answer["items"]]


def test_a_webhook_is_created_with_the_address_to_send_to(acme_api, acme):
    response = acme_api.post("/webhooks", {"name": " Orders "})

    row = Webhook.objects.get()
    assert response.status_code == 201
    assert response.json() | {"created_at": "", "updated_at": ""} == {
        "id": row.pk,
        "name": "Orders",
        "url": f"http://testserver/webhook/{row.pk}",
        "created_at": "",
        "updated_at": "",
        "request_count": 0,
        "dropped_count": 0,
        "dropped_at": None,
    }
    assert row.organization == acme


@pytest.mark.parametrize("name", ["a", "a" * 255, "Ünï ☃"])
def test_a_name_of_1_to_255_characters_is_taken(acme_api, name):
    response = acme_api.post("/webhooks", {"name": name})

    assert response.status_code == 201
    assert response.json()["name"] == name


@pytest.mark.parametrize(
    "body",
    [{}, *[{"name": name} for name in ["", " \t", "a" * 256, None, 1, ["a"], "a\0"]]],
)
def test_another_name_is_refused(acme_api, body):
    response = acme_api.post("/webhooks", body)

    assert response.status_code == 400
    assert errors(response) == [("VALIDATION_ERROR", "name")]
    assert not Webhook.objects.exists()


def test_a_webhook_is_read_with_its_number_of_requests(acme_api, webhook):
    webhook.capture(method="GET")
    webhook.capture(method="GET")

    response = acme_api.get(f"/webhooks/{webhook.pk}")

    assert response.status_code == 200
    assert response.json()["request_count"] == 2


@pytest.mark.parametrize("id", ["wh_unknown", "x", "wh_a%00", "wh_" + "a" * 99])
def test_an_unknown_webhook_is_not_found(acme_api, id):
    search = f"/webhooks/{id}/requests/search"

    assert acme_api.get(f"/webhooks/{id}").status_code == 404
    assert acme_api.post(search).status_code == 404


def test_the_list_has_all_webhooks_newest_first(acme_api, acme):
    rows = [Webhook.objects.create(organization=acme, name=str(n)) for n in range(25)]

    response = acme_api.get("/webhooks")

    assert response.status_code == 200
    assert response.json()["total"] == response.json()["count"] == 25
    assert found(response.json()) == [row.pk for row in reversed(rows)]


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/search"])
def test_a_list_costs_the_same_for_3_and_for_20(acme_api, acme, path):
    def fill(count):
        for n in range(count):
            row = Webhook.objects.create(organization=acme, name=str(n))
            row.capture(method="GET")

    def cost():
        method = acme_api.get if path == "/webhooks" else acme_api.post
        with CaptureQueriesContext(
            connection,
        ) as queries:
            method(path)
        return len(queries)

    fill(3)
    cost()  # the first use of a key is written down
    few = cost()
    fill(17)

    assert cost() == few


def test_a_deleted_webhook_is_gone_with_its_requests(acme_api, webhook):
    webhook.capture(method="GET")

    response = acme_api.delete(f"/webhooks/{webhook.pk}")

    assert (response.status_code, response.content) == (204, b"")
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("id", "status"), [("wh_gone", 204), ("x", 404), ("w%00", 404)]
)
def test_deleting_a_deleted_webhook_is_no_error_but_a_malformed_id_is(
    acme_api, id, status
):
    assert acme_api.delete(f"/webhooks/{id}").status_code == status


def test_another_organizations_webhook_is_not_found(acme_api, foreign):
    foreign.capture(method="GET")
    search = f"/webhooks/{foreign.pk}/requests/search"

    assert acme_api.get(f"/webhooks/{foreign.pk}").status_code == 404
    assert acme_api.post(search).status_code == 404
    assert acme_api.delete(f"/webhooks/{foreign.pk}").status_code == 204
    assert Webhook.objects.get().requests.count() == 1


def test_another_organizations_webhooks_are_in_no_list(acme_api, webhook, foreign):
    by_id = {"filter": {"ids": [webhook.pk, foreign.pk]}}

    assert found(acme_api.get("/webhooks").json()) == [webhook.pk]
    assert found(acme_api.post("/webhooks/search").json()) == [webhook.pk]
    assert found(acme_api.post("/webhooks/search", by_id).json()) == [webhook.pk]


def test_another_webhooks_requests_are_not_found_through_ones_own(
    search, webhook, foreign
):
    theirs = foreign.capture(method="GET")
    mine = webhook.capture(method="GET")

    assert found(search(filter={"ids": [theirs.pk, mine.pk]})) == [mine.pk]


def test_a_member_reads_webhooks_in_a_session(api, bob, webhook):
    response = api(user=bob).get("/webhooks")

    assert found(response.json()) == [webhook.pk]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/webhooks", "webhooks:read"),
        ("POST", "/webhooks", "webhooks:create"),
        ("POST", "/webhooks/search", "webhooks:read"),
        ("GET", "/webhooks/{id}", "webhooks:read"),
        ("DELETE", "/webhooks/{id}", "webhooks:delete"),
        ("POST", "/webhooks/{id}/requests/search", "webhooks:read"),
    ],
)
def test_each_operation_takes_its_own_scope_alone(api, webhook, method, path, scope):
    path = path.format(id=webhook.pk)
    others = [other for other in ALL if other != scope]

    refused = api(*others)(method, path, {"name": "a"})
    admitted = api(scope)(method, path, {"name": "a"})

    assert refused.status_code == 403
    assert errors(refused)[0][0] == "MISSING_REQUIRED_SCOPES"
    assert admitted.status_code < 300


@pytest.mark.parametrize(
    ("text", "names"),
    [("50%", ["50% off"]), ("a_b", ["a_b"]), ("OFF", ["50% off"]), ("", None)],
)
def test_a_search_term_is_text_not_a_pattern(acme_api, acme, text, names):
    for name in ["50% off", "500", "a_b", "axb"]:
        Webhook.objects.create(organization=acme, name=name)

    answer = acme_api.post("/webhooks/search", {"full_text_search": text}).json()

    assert found(answer, "name") == (names or ["axb", "a_b", "500", "50% off"])


def test_webhooks_are_found_by_their_exact_name(acme_api, acme):
    for name in ["Orders", "orders", "Orders 2"]:
        Webhook.objects.create(organization=acme, name=name)

    body = {"filter": {"names": ["Orders", "none"]}}

    assert found(acme_api.post("/webhooks/search", body).json(), "name") == ["Orders"]


@pytest.mark.parametrize("sort", ["name", "created_at", "updated_at", "request_count"])
def test_webhooks_are_sorted_both_ways(acme_api, acme, sort):
    for n, name in enumerate("abc"):
        row = Webhook.objects.create(organization=acme, name=name)
        for _ in range(n):
            row.capture(method="GET")

    def names(direction):
        body = {"sort_by": sort, "sort_direction": direction}
        return found(acme_api.post("/webhooks/search", body).json(), "name")

    assert names("ASC") == ["a", "b", "c"]
    assert names("DESC") == ["c", "b", "a"]


def test_a_search_answers_page_by_page(acme_api, acme):
    for n in range(5):
        Webhook.objects.create(organization=acme, name=str(n))

    body = {"pagination": {"limit": 2, "offset": 3}}
    answer = acme_api.post("/webhooks/search", body).json()

    assert (answer["total"], answer["count"]) == (5, 2)
    assert found(answer, "name") == ["1", "0"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pagination": {"limit": 0}}, "pagination.limit"),
        ({"pagination": {"limit": 101}}, "pagination.limit"),
        ({"pagination": {"offset": -1}}, "pagination.offset"),
        ({"pagination": {"limit": "1"}}, "pagination.limit"),
        ({"sort_by": "ip"}, "sort_by"),
        ({"sort_direction": "asc"}, "sort_direction"),
        ({"full_text_search": 1}, "full_text_search"),
        ({"filter": []}, "filter"),
        ({"filter": {"ids": "req_a"}}, "filter.ids"),
        ({"filter": {"methods": ["get"]}}, "filter.methods[0]"),
        ({"filter": {"since": "yesterday"}}, "filter.since"),
        ({"filter": {"has_body": "true"}}, "filter.has_body"),
        ({"filter": {"has_query_params": 1}}, "filter.has_query_params"),
    ],
)
def test_a_search_that_is_wrong_is_refused(acme_api, webhook, body, field):
    path = f"/webhooks/{webhook.pk}/requests/search"

    response = acme_api.post(path, body)

    assert response.status_code == 400
    assert errors(response) == [("VALIDATION_ERROR", field)]


def test_the_bounds_of_a_page_are_taken(search):
    assert search(pagination={"limit": 1, "offset": 0})["total"] == 0
    assert search(pagination={"limit": 100, "offset": 2**31 - 1})["count"] == 0


def test_a_captured_request_is_read_as_it_came(search, captured, webhook):
    row = captured("PUT", b"hello", "a=1", HTTP_USER_AGENT="curl/8")

    (item,) = search()["items"]

    headers = item.pop("headers")
    assert headers["User-Agent"] == "curl/8"
    assert item == {
        "id": row.pk,
        "webhook_id": webhook.pk,
        "method": "PUT",
        "path": "",
        "raw_path": None,
        "raw_query": "a=1",
        "headers_all": None,
        "query_params": {"a": "1"},
        "query_params_all": {"a": ["1"]},
        "body": "hello",
        "body_is_base64": False,
        "body_decoded": None,
        "body_decoding": None,
        "content_type": "text/plain",
        "user_agent": "curl/8",
        "ip_address": "127.0.0.1",
        "received_at": row.received_at.isoformat().replace("+00:00", "Z"),
    }


def test_absent_values_are_null(search, captured):
    captured("GET", REMOTE_ADDR="")

    (item,) = search()["items"]

    assert item["body"] is item["content_type"] is item["user_agent"] is None
    assert item["ip_address"] == ""


def test_requests_are_filtered_by_each_rule(search, webhook):
    first = webhook.capture(method="GET", ip_address="1.1.1.1")
    second = webhook.capture(method="POST", body="x", query_params={"a": "1"})
    third = webhook.capture(method="PUT", body_is_base64=True, body="AA==")
    at = second.received_at.isoformat()

    def ids(**rules):
        return found(search(filter=rules, sort_direction="ASC"))

    assert ids(ids=[second.pk]) == [second.pk]
    assert ids(methods=["GET", "PUT"]) == [first.pk, third.pk]
    assert ids(ip_addresses=["1.1.1.1"]) == [first.pk]
    assert ids(since=at) == [second.pk, third.pk]
    assert ids(until=at) == [first.pk, second.pk]
    assert ids(has_body=True) == [second.pk, third.pk]
    assert ids(has_body=False) == [first.pk]
    assert ids(has_query_params=True) == [second.pk]
    assert ids(has_query_params=False) == [first.pk, third.pk]
    assert ids(has_body=True, methods=["PUT"]) == [third.pk]
    assert ids(ids=[]) == []


def test_the_time_in_an_answer_is_a_bound_that_includes_it(search, captured):
    row = captured()
    at = search()["items"][0]["received_at"]

    assert found(search(filter={"since": at, "until": at})) == [row.pk]
    later = (row.received_at + timedelta(microseconds=1)).isoformat()
    assert found(search(filter={"since": later})) == []


@pytest.mark.parametrize(
    "text",
    ["in BODY", "x-event", "pushed", "token", "ünï", "PATCH", "100%", "a_c", "\\"],
)
def test_requests_are_searched_in_all_their_text(search, captured, text):
    row = captured(
        "PATCH",
        b"In body 100% a_c \\",
        "token=%C3%BCn%C3%AF",
        headers={"X-Event": "pushed"},
    )
    captured("POST", b"1000 abc")

    assert found(search(full_text_search=text)) == [row.pk]


@pytest.mark.parametrize("sort", ["received_at", "method", "ip_address"])
def test_requests_are_sorted_both_ways(search, webhook, sort):
    for method, ip_address in [("DELETE", "1.1.1.1"), ("GET", "2.2.2.2")]:
        webhook.capture(method=method, ip_address=ip_address)

    def methods(direction):
        return found(search(sort_by=sort, sort_direction=direction), "method")

    assert methods("ASC") == ["DELETE", "GET"]
    assert methods("DESC") == ["GET", "DELETE"]


def test_a_search_of_requests_costs_the_same_for_3_and_for_20(search, webhook):
    def cost(count):
        for _ in range(count):
            webhook.capture(method="GET")
        with CaptureQueriesContext(connection) as queries:
            search()
        return len(queries)

    search()  # the first use of a key is written down

    assert cost(3) == cost(17)
