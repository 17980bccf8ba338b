"""What only a real server shows."""

import http.client
import json
from urllib.parse import urlsplit


def test_a_body_in_chunks_is_read(site):
    """A generator has no length, so the client sends it in chunks."""
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)
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


def test_a_header_sent_twice_is_refused(site):
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)
    connection.putrequest("GET", "/flows")
    for _ in range(2):
        connection.putheader("X-Api-Key", site.demo["secret"])
    connection.putheader("X-Organization-Id", site.demo["organization_id"])
    connection.endheaders()

    response = connection.getresponse()

    assert response.status == 401
    assert "more than once" in json.load(response)["errors"][0]["message"]
