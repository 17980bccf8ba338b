"""Requests are served while another process holds the lock for their optional writes."""

import sqlite3
import time
import urllib.request
from contextlib import closing, contextmanager

import psycopg
import pytest

pytestmark = pytest.mark.slow

USED = "SELECT count(*) FROM apikeys_apikey WHERE first_used_at IS NOT NULL"
AT_ONCE = 10  # seconds; without the limit it would be 20 on SQLite, and no end else


@contextmanager
def locked(url):
    """Hold SQLite's write lock, or the rows of all keys and audit chains."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None
        )
        connection.execute("BEGIN IMMEDIATE")
    else:
        connection = psycopg.connect(url)
        connection.execute("SELECT * FROM apikeys_apikey FOR UPDATE")
        connection.execute("SELECT * FROM apikeys_auditchain FOR UPDATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def test_requests_and_the_sign_in_page_are_served_while_writes_are_locked(
    tmp_path, running_site
):
    # With DEBUG the sign-in page works without collectstatic.
    with running_site(tmp_path, DEBUG="true") as site:
        secret, url = site.demo["secret"], site.environment["DATABASE_URL"]
        used = read(url, USED)
        with locked(url):
            # More requests than threads, so a blocked thread would show.
            answers = [get(site, "/flows", secret) for _ in range(12)]
            page = get(site, "/accounts/login/")

        assert answers == [200] * 12
        assert page == 200
        wait_for_more(url, used)
        assert get(site, "/flows", secret) == 200


def wait_for_more(url, used):
    """Fail unless the delayed use is written, without another request."""
    end = time.monotonic() + 20
    while read(url, USED) == used:
        assert time.monotonic() < end, "the first use was not written"
        time.sleep(0.2)


def read(url, sql):
    """Return the single value of a query."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        connection = psycopg.connect(url)
    with closing(connection):
        return connection.execute(sql).fetchone()[0]


def get(site, path, secret=None):
    """Send a request; return its status, or fail on a timeout."""
    headers = {"X-Organization-Id": site.demo["organization_id"]}
    if secret:
        headers["X-Api-Key"] = secret
    request = urllib.request.Request(site.url + path, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=AT_ONCE) as response:  # noqa: S310
        return response.status
