"""The page that creates a key and shows its secret once."""

import re

import pytest
from django.urls import reverse

from apikeys.models import ApiKey, SpentNonce
from echopoint.organizations import roles
from tests.signing_in import sign_in


@pytest.fixture
def page(client, alice, acme):
    """Return alice's way to the page: `page()` opens it, `page(name=…)` sends it."""
    sign_in(client, alice)
    url = reverse("apikeys:issue", args=[acme.pk])

    def page(**values):
        if not values:
            return client.get(url)
        filled = {
            "nonce": SpentNonce.objects.issue(user=alice, page=url),
            "name": "ci",
            "scopes": ["flows:read"],
            "expires_in_days": "90",
        }
        return client.post(url, filled | values)

    return page


def nonce_in(response):
    return re.search(rb'name="nonce" value="([^"]+)"', response.content)[1].decode()


def secret_in(response):
    found = re.findall(rb"epk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", response.content)
    return found[0].decode() if found else None


def checked(response):
    boxes = re.findall(r"<input[^>]*>", response.content.decode())
    return {
        re.search(r'value="([^"]+)"', box)[1]
        for box in boxes
        if 'name="scopes"' in box and "checked" in box
    }


def test_the_secret_is_in_the_answer_once_and_opens_the_api(page, api, acme):
    response = page(name="ci")

    assert response.status_code == 200
    secret = secret_in(response)
    assert response.content.count(secret.encode()) == 1
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert api(secret=secret, organization=acme).get("/flows").status_code == 200


def test_the_form_has_the_policys_default_expiry(page, acme):
    acme.default_lifetime_days = 45
    acme.save()

    response = page()

    assert re.search(rb'<option value="45" selected', response.content)


@pytest.mark.parametrize("days", ["366", "0", "-1", "x", "", "never"])
def test_an_expiry_outside_of_the_policy_is_refused(page, days):
    response = page(expires_in_days=days)

    assert secret_in(response) is None
    assert "expires_in_days" in response.context["form"].errors
    assert not ApiKey.objects.exists()


def test_no_expiry_is_offered_when_the_policy_allows_it(page, acme):
    acme.allow_non_expiring = True
    acme.save()

    page(expires_in_days="never")

    assert ApiKey.objects.get().expires_at is None


def test_a_preset_selects_its_scopes_and_preserves_the_input(page):
    response = page(name="typed before", preset="ci", expires_in_days="30")

    assert checked(response) == {"flows:execute", "flows:read", "runner:complete"}
    assert b'value="typed before"' in response.content
    assert re.search(rb'<option value="30" selected', response.content)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["flows:fly"]}, "scopes"),
        ({"scopes": ["api_key:create"]}, "scopes"),
    ],
)
def test_a_refusal_is_shown_at_its_field_and_the_input_is_preserved(
    page, values, field
):
    response = page(**{"name": "kept", "expires_in_days": "30"} | values)

    assert field in response.context["form"].errors
    assert re.search(rb'<option value="30" selected', response.content)
    if field != "name":
        assert b'value="kept"' in response.content
    if field != "scopes":
        assert checked(response) == {"flows:read"}
    assert not ApiKey.objects.exists()


def test_a_name_that_is_too_long_says_by_how_much(page):
    response = page(name="x" * 101)

    (said,) = response.context["form"].errors["name"]
    assert said == "Use at most 100 characters; you entered 101."


def test_a_name_in_use_is_reported_at_its_field(page, issue):
    issue(name="Deploy")

    response = page(name="deploy")

    assert "Deploy" not in response.context["form"].errors["name"][0]
    assert "already has this name" in response.context["form"].errors["name"][0]
    assert ApiKey.objects.count() == 1


def test_a_form_sent_twice_makes_one_key_and_shows_nothing_again(page):
    nonce = nonce_in(page())
    first = page(nonce=nonce)

    second = page(nonce=nonce, name="another name")

    assert second.status_code == 409
    assert secret_in(first)
    assert secret_in(second) is None
    assert b"submitted" in second.content or b"already" in second.content
    assert ApiKey.objects.count() == 1


def test_a_refused_form_can_be_mended_and_sent_again(page):
    nonce = nonce_in(page())
    refused = page(nonce=nonce, name="")

    accepted = page(nonce=nonce_in(refused), name="mended")

    assert secret_in(accepted)


@pytest.mark.parametrize("nonce", ["", "forged", "a:b:c"])
def test_a_form_that_is_not_ours_makes_nothing_and_loses_nothing(page, nonce):
    response = page(nonce=nonce, name="kept")

    assert secret_in(response) is None
    assert b'value="kept"' in response.content
    assert nonce_in(response) not in ("", nonce)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("query", "ticked"),
    [
        ("?preset=runner", {"runner:claim", "runner:complete"}),
        ("?preset=none-such", set()),
        ("", set()),
    ],
)
def test_a_link_can_start_from_a_preset(client, alice, acme, query, ticked):
    sign_in(client, alice)

    response = client.get(reverse("apikeys:issue", args=[acme.pk]) + query)

    assert checked(response) == ticked


def test_a_preset_of_the_link_takes_no_place_of_what_was_ticked(client, alice, acme):
    sign_in(client, alice)
    url = reverse("apikeys:issue", args=[acme.pk]) + "?preset=runner"

    response = client.post(url, {"nonce": "too old", "scopes": ["webhooks:read"]})
    again = client.post(
        url,
        {
            "nonce": "too old",
            "name": "kept",
            "scopes": ["webhooks:read"],
            "expires_in_days": "90",
        },
    )

    assert checked(response) == checked(again) == {"webhooks:read"}


def test_a_role_cannot_grant_what_it_lacks(page, monkeypatch):
    monkeypatch.setitem(roles.PERMISSIONS, "admin", roles.ADMIN - {"runner:claim"})

    refused = page(scopes=["runner:claim"])
    granted = page(scopes=["runner:complete"])

    assert "runner:claim" in refused.context["form"].errors["scopes"][0]
    assert secret_in(granted)


def test_a_form_is_good_for_the_person_and_the_page_it_was_opened_by(
    page, client, alice, olive, acme, globex
):
    url = reverse("apikeys:issue", args=[acme.pk])
    elsewhere = reverse("apikeys:issue", args=[globex.pk])

    for user, path in [(olive, url), (alice, elsewhere)]:
        response = page(
            nonce=SpentNonce.objects.issue(user=user, page=path), name="kept"
        )

        assert "belongs to another session" in response.text
        assert response.context["form"]["name"].value() == "kept"
        assert secret_in(response) is None
    assert not ApiKey.objects.exists()
    assert not SpentNonce.objects.exists()
    granted = page(nonce=SpentNonce.objects.issue(user=alice, page=url), name="kept")
    assert secret_in(granted)
