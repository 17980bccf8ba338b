"""Requests are answered while another program holds the lock that their trace needs."""

import sqlite3
import urllib.request
from contextlib import contextmanager

import psycopg

from tests.serving import running_site

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


def test_requests_and_the_sign_in_page_are_served_while_writes_are_locked(tmp_path):
    # With DEBUG the sign-in page needs no collected files.
    with running_site(tmp_path, pages=False, DEBUG="true") as site:
        secret, url = site.demo["secret"], site.environment["DATABASE_URL"]
        with locked(url):
            # More than the site has threads: none of them may be stuck.
            answers = [get(site, "/flows", secret) for _ in range(12)]
            page = get(site, "/accounts/login/")

        assert answers == [200] * 12
        assert page == 200
        assert get(site, "/flows", secret) == 200


def get(site, path, secret=None):
    """Return the status of a request that is answered in time."""
    headers = {"X-Organization-Id": site.demo["organization_id"]}
    if secret:
        headers["X-Api-Key"] = secret
    request = urllib.request.Request(site.url + path, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=AT_ONCE) as response:  # noqa: S310
        return response.status
