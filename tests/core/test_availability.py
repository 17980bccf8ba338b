"""Responses and recovery when the database is down, locked or read-only."""

import json
import re
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client

from echopoint.core.availability import is_unavailable

SLOWEST = 15  # seconds; without limits there would be no end


def send(site, path, body=None, **more):
    """Send a request with the demo key; return (status, headers, text)."""
    headers = {
        "X-Api-Key": site.demo["secret"],
        "X-Organization-Id": site.demo["organization_id"],
        "Content-Type": "application/json",
    } | more
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(site.url + path, data, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SLOWEST) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def require_unavailable(answer):
    status, headers, text = answer
    assert (status, headers["Retry-After"]) == (503, "5")
    (error,) = json.loads(text)["errors"]
    assert error["code"] == "UNAVAILABLE"


def wait_until_served(site):
    end = time.monotonic() + 20
    while send(site, "/flows")[0] != 200:
        assert time.monotonic() < end, "the site did not recover"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def site(tmp_path_factory, running_site):
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder, DEBUG="false", DATABASE_LOCK_SECONDS="1") as s:
        yield s


@contextmanager
def as_owner(site):
    """Yield a connection to another database of the server, and the site's database name."""
    url = site.environment["DATABASE_URL"]
    name = url.rpartition("/")[2]
    with psycopg.connect(re.sub(r"/[^/]*$", "/postgres", url), autocommit=True) as c:
        yield c, name


@contextmanager
def altered(site, change, back):
    """Alter the site's database and drop its connections while the block runs."""
    with as_owner(site) as (owner, name):
        try:
            owner.execute(f'ALTER DATABASE "{name}" {change}')
            disconnect(owner, name)
            yield
        finally:
            owner.execute(f'ALTER DATABASE "{name}" {back}')
            disconnect(owner, name)


def disconnect(owner, name):
    owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        [name],
    )


@pytest.mark.postgresql
def test_a_database_outage_is_reported_and_recovered_from(site):
    with altered(site, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
        require_unavailable(send(site, "/flows"))
        require_unavailable(send(site, "/webhook/wh_x", {}))
        status, headers, page = send(site, "/orgs/", Cookie=f"sessionid={'s' * 32}")
        assert (status, headers["Retry-After"]) == (503, "5")
        assert "Echopoint is unavailable" in page

    wait_until_served(site)


@pytest.mark.postgresql
def test_reads_work_on_a_read_only_database(site):
    read_only = "SET default_transaction_read_only"
    with altered(site, f"{read_only} = on", f"{read_only} = off"):
        assert send(site, "/flows")[0] == 200
        body = {"runner_type": "ephemeral"}
        flow = json.loads(send(site, "/flows")[2])["items"][0]["id"]
        require_unavailable(send(site, f"/flows/{flow}/launch", body))

    wait_until_served(site)


@pytest.mark.postgresql
def test_waiting_for_a_lock_has_a_limit(site):
    url = site.environment["DATABASE_URL"]
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE apikeys_apikey IN ACCESS EXCLUSIVE MODE")
        require_unavailable(send(site, "/flows"))
        other.rollback()

    wait_until_served(site)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_pages_and_the_api_report_a_database_outage(api, monkeypatch, caplog, error):
    def fail(*args, **options):
        raise error("the server closed the connection\nDETAIL: s3cret")

    caller = api("flows:read")
    monkeypatch.setattr("echopoint.flows.api.FlowViewSet.list", fail)
    monkeypatch.setattr("echopoint.accounts.views.SignInView.get", fail)

    answer = caller.get("/flows")
    page = Client(raise_request_exception=False).get("/accounts/login/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "Echopoint is unavailable" in page.text
    assert "The database is unavailable: the server closed" in caplog.text
    assert b"s3cret" not in answer.content + page.content


@pytest.mark.django_db
def test_wrong_sql_is_not_an_outage():
    with pytest.raises(DatabaseError) as fault, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")

    assert not is_unavailable(fault.value)
    assert not is_unavailable(ValueError("x"))
