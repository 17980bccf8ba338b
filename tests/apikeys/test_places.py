"""Where a key is used: places, merged as a person would name them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from apikeys import tokens
from apikeys.db.write_buffers import write_buffers
from apikeys.models import KeyPlace
from apikeys.models.place import MOST_PLACES
from apikeys.places import (
    CI_HEADER,
    CLIENT,
    Place,
    Sighting,
    client_name,
    pipeline,
    pipeline_in,
    thing,
)
from echopoint.cli.ci_context import HEADER
from echopoint.cli.ci_context import headers as pipeline_headers

NOW = datetime.now(UTC) - timedelta(days=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def key(issue):
    return issue()[0]


def curl(n=1, name="curl"):
    return Place(CLIENT, name, f"192.0.2.{n}")


def see(key, place, *moments):
    for at in moments:
        KeyPlace.objects.record(key, place, at)
    write_buffers.flush()


def shown(key, at=NOW + HOUR):
    return [(group.label, *group.sighting) for group in KeyPlace.objects.shown(key, at)]


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("curl/8.5.0", "curl"),
        ("curl/8.5.0-DEV", "curl"),
        ("curl", "curl"),
        ("python-requests/2.31.0", "python-requests"),
        ("Go-http-client/1.1", "Go-http-client"),
        ("okhttp-4.9.3", "okhttp"),
        ("node-fetch v3.1", "node-fetch"),
        ("echopoint-cli/0.1.0", "echopoint-cli"),
        ("aws-sdk-js/3.1 ua/2.0 os/linux#6.1 (x; (y) z)", "aws-sdk-js ua os"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/120.0",
            "Mozilla Gecko Firefox",
        ),
        ("team-42-etl/1.0", "team-42-etl"),
        ("team-7-web/1.0", "team-7-web"),
        ("worker-1", "worker-1"),
        ("3scale/2.0", "3scale"),
        ("node-3d-renderer-1.2", "node-3d-renderer"),
        ("v8agent", "v8agent"),
        ("3.1.4", "an unnamed client"),
        ("", "an unnamed client"),
        ("(((", "((("),
    ],
)
def test_a_client_is_named_without_its_version(user_agent, name):
    assert client_name(user_agent) == name


def test_a_clock_that_was_ahead_is_brought_back_by_the_next_use(key):
    now = datetime.now(UTC)
    see(key, curl(), now)
    ahead = now + 30 * DAY
    KeyPlace.objects.update(first_seen_at=ahead, last_seen_at=ahead)

    see(key, curl(), now - MINUTE)

    row = KeyPlace.objects.get()
    assert row.first_seen_at == now - MINUTE
    assert row.last_seen_at < now + MINUTE
    assert row.longest_gap < 2 * MINUTE


@pytest.mark.parametrize(
    ("header", "label"),
    [
        (
            "repository=acme%2Fweb&workflow=CI&job=smoke",
            "acme/web (workflow CI, job smoke)",
        ),
        ("repository=acme%2Fweb", "acme/web"),
        ("repository=a%0Ab&job=%E2%82%AC", "a\N{REPLACEMENT CHARACTER}b (job €)"),
        ("job=smoke", None),
        ("repository=", None),
        ("%ZZ", None),
        ("a&" * 500, None),
        ("repository=" + "x" * 4000, None),
    ],
)
def test_a_pipeline_is_named_by_the_header(header, label):
    place = pipeline_in(header)

    assert (place and place.label) == label


def test_the_header_of_the_command_is_understood():
    job = {"CI_PROJECT_PATH": "acme/ä&=", "CI_JOB_NAME": "€" * 200}

    (header,) = pipeline_headers({"GITLAB_CI": "true"} | job).values()

    assert pipeline_in(header).label == f"acme/ä&= (job {'€' * 120})"
    assert CI_HEADER == HEADER


def test_a_key_in_the_header_leaves_no_trace():
    secret = tokens.generate().text

    assert secret[30:60] not in pipeline(secret, secret[22:], secret[:50]).label
    assert secret[30:60] not in client_name(f"tool/1.0 {secret[22:]}")


def test_a_thing_is_the_same_place_when_it_is_renamed():
    assert thing("flow", "Checkout", 7).digest == thing("flow", "Pay", 7).digest
    assert thing("flow", "Checkout", 7).digest != thing("flow", "Checkout", 8).digest


def test_a_place_keeps_first_last_count_and_longest_gap(key):
    see(key, curl(), NOW, NOW + MINUTE, NOW + 4 * MINUTE)
    see(key, curl(), NOW + 20 * MINUTE, NOW + 21 * MINUTE)

    assert shown(key) == [
        ("curl from 192.0.2.1", NOW, NOW + 21 * MINUTE, 5, 16 * MINUTE)
    ]


def test_uses_that_two_processes_write_late_are_merged_in_any_order(key):
    see(key, curl(), NOW + 10 * MINUTE, NOW + 12 * MINUTE)
    see(key, curl(), NOW, NOW + MINUTE)

    assert shown(key) == [
        ("curl from 192.0.2.1", NOW, NOW + 12 * MINUTE, 4, 9 * MINUTE)
    ]


def test_places_of_different_keys_and_clients_are_apart(issue):
    (one, _), (other, _) = issue(), issue()
    see(one, curl(1), NOW)
    see(one, curl(2), NOW + MINUTE)
    see(one, curl(1, "wget"), NOW + 2 * MINUTE)
    see(other, curl(1), NOW)

    assert [label for label, *_ in shown(one)] == [
        "wget from 192.0.2.1",
        "curl from 192.0.2.2",
        "curl from 192.0.2.1",
    ]
    assert [label for label, *_ in shown(other)] == ["curl from 192.0.2.1"]


@pytest.mark.parametrize(("count", "places"), [(5, 5), (6, 1)])
def test_a_client_with_more_than_five_addresses_is_one_place(key, count, places):
    for n in range(count):
        see(key, curl(n), NOW + n * MINUTE)

    found = shown(key)
    assert len(found) == places
    if places == 1:
        assert found == [("curl from 6 addresses", NOW, NOW + 5 * MINUTE, 6, MINUTE)]


def test_an_address_that_is_not_known_is_said_to_be_unknown(key):
    see(key, Place(CLIENT, "curl", ""), NOW)

    assert shown(key)[0][0] == "curl from an unknown address"


def test_only_places_of_the_last_thirty_days_are_shown(key):
    see(key, curl(1), NOW - 29 * DAY)
    see(key, curl(2), NOW - 31 * DAY)

    assert [row[0] for row in shown(key, NOW)] == ["curl from 192.0.2.1"]


def test_a_key_has_a_hundred_places_and_the_oldest_are_merged(key):
    for n in range(MOST_PLACES - 1):
        KeyPlace.objects.record(key, pipeline(f"acme/{n}"), NOW + n * MINUTE)
    for n in range(MOST_PLACES - 1, MOST_PLACES + 20):
        see(key, pipeline(f"acme/{n}"), NOW + n * MINUTE)

    labels = [row[0] for row in shown(key, NOW + DAY)]
    assert KeyPlace.objects.count() == MOST_PLACES
    assert labels[0] == f"acme/{MOST_PLACES + 19}"
    assert labels[-1] == "21 other places"
    others = shown(key, NOW + DAY)[-1]
    assert others[1:] == (NOW, NOW + 20 * MINUTE, 21, MINUTE)


def test_a_fleet_of_many_addresses_stays_one_place_beyond_the_limit(key):
    for n in range(MOST_PLACES + 20):
        KeyPlace.objects.record(key, curl(n), NOW + n * MINUTE)
    write_buffers.flush()

    (fleet,) = shown(key, NOW + DAY)
    assert KeyPlace.objects.count() == MOST_PLACES - 1
    assert fleet[0] == "curl from 99 or more addresses"
    assert fleet[3] == MOST_PLACES + 20


def test_places_that_cannot_be_written_wait_for_the_next_flush(key):
    def fail(execute, sql, params, many, context):
        raise OperationalError("the database is away")

    KeyPlace.objects.record(key, curl(), NOW)
    with connection.execute_wrapper(fail):
        write_buffers.flush()
    see(key, curl(), NOW + MINUTE)

    assert shown(key) == [("curl from 192.0.2.1", NOW, NOW + MINUTE, 2, MINUTE)]


def test_places_go_after_more_than_a_year(key):
    see(key, curl(1), NOW - 401 * DAY)
    see(key, curl(2), NOW - 399 * DAY)

    assert KeyPlace.objects.prune_all(at=NOW) == 1
    assert KeyPlace.objects.get().address == "192.0.2.2"


@pytest.mark.postgresql
def test_eight_processes_that_write_one_place_lose_no_use(committing, key, at_once):
    def write(n):
        manager = type(KeyPlace.objects)()
        manager.model = KeyPlace
        for second in range(10):
            at = NOW + timedelta(seconds=10 * second + n)
            manager.record(key, curl(), at)
            while manager.pending:
                manager.flush()

    assert at_once(8, write) == [None] * 8

    row = KeyPlace.objects.get()
    assert (row.requests, row.first_seen_at) == (80, NOW)
    assert row.last_seen_at == NOW + timedelta(seconds=97)


def places(key):
    write_buffers.flush()
    return sorted(str(place) for place in key.places.all())


def test_a_request_is_seen_at_its_address_by_its_client(api, issue, acme):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)

    client.get("/flows", User_Agent="curl/8.5")
    client.get("/flows", User_Agent="curl/8.6")

    assert places(key) == ["curl from 127.0.0.1"]
    assert key.places.get().requests == 2


def test_a_pipeline_is_one_place_whatever_its_address_and_client(api, issue, acme):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)
    header = "repository=acme%2Fweb&workflow=CI&job=smoke"

    for address, agent in [("192.0.2.1", "curl/8"), ("192.0.2.2", "echopoint-cli/1")]:
        client.client.defaults["REMOTE_ADDR"] = address
        client.get("/flows", User_Agent=agent, X_CI_Context=header)

    assert places(key) == ["acme/web (workflow CI, job smoke)"]


def test_a_refused_request_is_seen_nowhere(api, issue, acme):
    key, secret = issue("webhooks:read")
    client = api(secret=secret, organization=acme)

    client.get("/flows")
    client.post("/api-keys", {})
    client.get("/permissions", X_Organization_Id="org_x")

    assert places(key) == []


def test_a_request_whose_view_fails_is_a_use_all_the_same(
    api, issue, acme, monkeypatch
):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("echopoint.api.viewsets.OrgScopedViewSet.list", fail)
    key, secret = issue("flows:read")

    response = api(secret=secret, organization=acme).get("/flows")

    assert response.status_code == 500
    assert len(places(key)) == 1


def test_a_person_has_no_places(api, alice):
    api(user=alice).get("/flows")
    write_buffers.flush()

    assert not KeyPlace.objects.exists()


def test_seen_once_is_a_sighting_without_a_gap():
    assert Sighting.once(NOW) == Sighting(NOW, NOW, 1, timedelta(0))
