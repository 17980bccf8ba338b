"""The OpenAPI document is generated once, compressed, and revalidated."""

import gzip
import hashlib
import os
import subprocess
import sys

import pytest
from django.test import Client

from echopoint.api.document import document
from tests.paths import ROOT

# In another process, whose sets have another order.
PRINT_ETAG = """
import django
django.setup()
from echopoint.api.document import document
print(document().etag)
"""


def get(**headers):
    return Client().get("/openapi.json", headers=headers)


def test_it_has_a_strong_etag_and_may_be_stored_but_not_used_unasked():
    response = get()

    assert response.status_code == 200
    assert response["ETag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'
    assert response["Cache-Control"] == "public, no-cache"
    assert "Accept-Encoding" in response["Vary"]
    assert "Content-Encoding" not in response
    assert not response.cookies


def test_a_client_that_accepts_gzip_gets_less_than_a_tenth():
    plain, compressed = get(), get(accept_encoding="br, gzip")

    assert compressed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in compressed["Vary"]
    assert gzip.decompress(compressed.content) == plain.content
    assert len(compressed.content) < len(plain.content) / 10
    # Weak: two compressions of the same document differ.
    assert compressed["ETag"] == f"W/{plain['ETag']}"


@pytest.mark.parametrize("accepted", ["identity", "gzip"])
def test_a_client_that_has_it_gets_304(accepted):
    known = get(accept_encoding=accepted)["ETag"]

    response = get(accept_encoding=accepted, if_none_match=known)

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"].removeprefix("W/") == known.removeprefix("W/")
    assert response["Cache-Control"] == "public, no-cache"
    assert "Accept-Encoding" in response["Vary"]


def test_a_client_that_has_an_older_one_gets_the_document():
    response = get(if_none_match='"older"')

    assert response.status_code == 200
    assert response.json()["openapi"]


def test_only_reads_are_conditional():
    response = Client().post("/openapi.json", headers={"if-match": '"other"'})

    assert response.status_code == 405
    assert response.json()["errors"]


def test_parameters_change_nothing():
    assert get().content == Client().get("/openapi.json?version=<b>&lang=de").content


def test_it_is_generated_once(monkeypatch):
    document()
    monkeypatch.setattr(
        "drf_spectacular.generators.SchemaGenerator.get_schema",
        lambda *args, **kwargs: pytest.fail("generated again"),
    )

    assert get().status_code == 200


@pytest.mark.slow
def test_all_processes_have_the_same_etag():
    other = subprocess.run(
        [sys.executable, "-c", PRINT_ETAG],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert other.stdout.strip() == document().etag
