"""The header X-Organization-Id, and the order in which refusals are decided."""

import pytest

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import Refusal
from tests.apikeys.refused_responses import assert_refused

BAD_HEADERS = [None, "", "{0},{0}", "org_\x7f"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "Send the header X-Organization-Id"),
        ("", "Send the header X-Organization-Id"),
        (" ", "Send the header X-Organization-Id"),
        ("{0},{0}", "more than once"),
        ("{0}, org_other", "more than once"),
        ("org_\x7f", "is not an id"),
    ],
)
def test_one_organization_must_be_named(api, acme, header, said):
    client = api("flows:read")
    header = header and header.format(acme.pk)

    response = client.get("/permissions", X_Organization_Id=header)

    error = assert_refused(response, 400, "ORGANIZATION_REQUIRED")
    assert said in error["message"]
    assert "WWW-Authenticate" not in response
    assert client.get("/permissions").status_code == 200


def test_the_organization_headers_name_has_no_case(api, acme):
    client = api("flows:read")
    headers = {"X_Organization_Id": None, "x_organization_ID": acme.pk}

    assert client.get("/permissions", **headers).status_code == 200


def test_where_no_organization_is_needed_the_wrong_one_is_still_refused(
    api, acme, globex
):
    client = api("flows:read")

    for header, status in [(None, 200), (acme.pk, 200), (globex.pk, 403), ("", 400)]:
        response = client.get("/api-keys/self", X_Organization_Id=header)
        assert response.status_code == status, header


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_bad_key_is_refused_before_a_bad_organization_header(api, acme, header):
    client = api(secret="epk_live_nonsense", organization=acme)

    response = client.get(
        "/permissions", X_Organization_Id=header and header.format(acme.pk)
    )

    assert_refused(response, 401, "INVALID_API_KEY")


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_stopped_key_is_refused_before_a_bad_organization_header(
    api, issue, acme, header
):
    key, secret = issue("flows:read")
    key.revoke(by=Actor.command("test"))
    client = api(secret=secret, organization=acme)

    response = client.get(
        "/permissions", X_Organization_Id=header and header.format(acme.pk)
    )

    assert_refused(response, 401, "API_KEY_REVOKED")
    write_buffers.flush()
    assert reasons(key) == {"API_KEY_REVOKED"}


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_bad_organization_header_counts_as_a_refusal_of_the_key(
    api, issue, acme, header
):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)

    response = client.get(
        "/permissions", X_Organization_Id=header and header.format(acme.pk)
    )

    assert_refused(response, 400, "ORGANIZATION_REQUIRED")
    write_buffers.flush()
    assert reasons(key) == {"ORGANIZATION_REQUIRED"}


def reasons(key):
    return set(Refusal.objects.filter(key=key).values_list("reason", flat=True))


@pytest.mark.parametrize("header", ["", "{0},{0}", "org_\x7f"])
def test_a_member_needs_a_good_organization_header_too(api, acme, alice, header):
    client = api(user=alice, organization=acme)

    response = client.get("/permissions", X_Organization_Id=header.format(acme.pk))

    assert_refused(response, 400, "ORGANIZATION_REQUIRED")
