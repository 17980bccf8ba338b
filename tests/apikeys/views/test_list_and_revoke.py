"""The list of keys, and revoking one key."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.models import ApiKey, AuditEvent
from tests.signing_in import sign_in


@pytest.fixture
def listed(signed_in, acme):
    """Return the list page's text, with a query."""

    def listed(query=""):
        url = reverse("apikeys:list", args=[acme.pk])
        return signed_in.get(url + query).content.decode()

    return listed


def test_the_list_teaches_when_there_is_no_key(listed):
    assert "X-Api-Key" in listed()


def test_the_list_shows_a_key_by_what_is_public(listed, issue):
    key, secret = issue("flows:read", name="Deploy <b>")

    text = listed()

    assert "Deploy &lt;b&gt;" in text
    assert key.display_id in text
    assert secret not in text
    assert secret[-6:] not in text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "Active"),
        ({"suspended_at": timezone.now()}, "Suspended"),
        ({"retire_at": timezone.now() + timedelta(days=1)}, "Retiring"),
        ({"retire_at": timezone.now() - timedelta(seconds=1)}, "Retired"),
    ],
)
def test_the_status_is_a_word(listed, issue, change, word):
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(**change)

    assert word in listed()


def test_revoked_keys_are_shown_when_asked_for(listed, issue, acme):
    key, _ = issue(name="stopped long ago")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())

    assert "stopped long ago" not in listed()
    assert "stopped long ago" in listed("?status=revoked")
    assert "stopped long ago" in listed("?status=all")


def test_the_list_is_the_organizations_own(listed, issue, globex):
    issue(name="theirs", organization=globex)

    assert "theirs" not in listed()


def test_the_list_costs_the_same_for_many(
    signed_in, acme, issue, django_assert_max_num_queries
):
    for _ in range(20):
        issue()

    with django_assert_max_num_queries(8):
        signed_in.get(reverse("apikeys:list", args=[acme.pk]))


def test_a_member_is_offered_no_change(client, bob, acme, issue):
    key, _ = issue()
    sign_in(client, bob)

    text = client.get(reverse("apikeys:list", args=[acme.pk])).content.decode()

    assert key.display_id in text
    assert reverse("apikeys:issue", args=[acme.pk]) not in text
    assert reverse("apikeys:revoke", args=[acme.pk, key.public_id]) not in text


def test_revoking_asks_first_and_then_stops_the_key(signed_in, acme, issue, api):
    key, secret = issue(name="Deploy")
    url = reverse("apikeys:revoke", args=[acme.pk, key.public_id])
    asked = signed_in.get(url)
    assert asked.status_code == 200
    assert api(secret=secret, organization=acme).get("/flows").status_code == 200

    done = signed_in.post(url, {"reason": "leaked"}, follow=True)

    assert "Deploy is revoked" in done.content.decode()
    refused = api(secret=secret, organization=acme).get("/flows")
    assert refused.json()["errors"][0]["code"] == "API_KEY_REVOKED"
    key.refresh_from_db()
    assert (key.revoke_reason, key.revoked_by_label) == ("leaked", "alice@acme.example")


def test_revoking_twice_says_that_nothing_changed(signed_in, acme, issue):
    key, _ = issue()
    url = reverse("apikeys:revoke", args=[acme.pk, key.public_id])
    signed_in.post(url)

    again = signed_in.post(url, follow=True)

    assert "already revoked" in again.content.decode()
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_a_reason_that_is_too_long_is_refused_and_shown_again(signed_in, acme, issue):
    key, _ = issue()
    url = reverse("apikeys:revoke", args=[acme.pk, key.public_id])

    response = signed_in.post(url, {"reason": "x" * 256})

    assert response.context["form"].errors["reason"]
    assert "x" * 256 in response.content.decode()
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_reason_that_the_record_cannot_hold_is_refused_at_its_field(
    signed_in, acme, issue
):
    key, _ = issue()
    url = reverse("apikeys:revoke", args=[acme.pk, key.public_id])

    response = signed_in.post(url, {"reason": "a\tb"})

    assert response.status_code == 200
    assert "control characters" in response.context["form"].errors["reason"][0]
