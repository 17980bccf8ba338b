"""What only a real server shows."""

import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def connection(site):
    """Return a connection without the manners of a client library."""
    address = urlsplit(site.url).netloc
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        yield connection


def test_a_body_in_chunks_is_read(site, connection):
    """A generator has no length, so the client sends it in chunks."""
    headers = {
        "X-Api-Key": site.demo["secret"],
        "X-Organization-Id": site.demo["organization_id"],
        "Content-Type": "application/json",
    }
    body = iter([b'{"full_text', b'_search": "refund"}'])

    connection.request("POST", "/flows/search", body, headers, encode_chunked=True)
    response = connection.getresponse()

    assert response.status == 200
    names = [item["name"] for item in json.load(response)["items"]]
    assert names == ["Refund"]


def test_a_header_sent_twice_is_refused(site, connection):
    connection.putrequest("GET", "/flows")
    for _ in range(2):
        connection.putheader("X-Api-Key", site.demo["secret"])
    connection.putheader("X-Organization-Id", site.demo["organization_id"])
    connection.endheaders()

    response = connection.getresponse()

    assert response.status == 401
    assert "more than once" in json.load(response)["errors"][0]["message"]
