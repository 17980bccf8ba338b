"""The rate limit: on the key's page, its own page and in the policy."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import AuditEvent
from tests.apikeys.views.policy_limits import LIMITS, SHOWN_LIMITS
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")


@pytest.fixture
def key(issue):
    key, _ = issue()
    return key


@pytest.fixture
def url(key):
    return reverse("apikeys:limit", args=[key.organization_id, key.public_id])


def test_the_keys_page_shows_whose_limit_it_is(client, alice, key, settings):
    sign_in(client, alice)
    page = client.get(key.get_absolute_url()).text
    assert "600 per minute" in page
    assert "Applies to all keys of Acme" in page

    key.limit_requests(40, by=SYSTEM)
    page = client.get(key.get_absolute_url()).text
    assert "40 per minute" in page
    assert "This key's own limit." in page

    settings.API_MAX_REQUESTS_PER_MINUTE = 30
    page = client.get(key.get_absolute_url()).text
    assert "30 per minute" in page
    assert "Its own limit of 40 exceeds the maximum of this site." in page


@pytest.mark.parametrize("redis", ["", "redis://127.0.0.1:6379/0"])
def test_a_limit_counted_per_process_is_described_as_such(
    client, alice, key, url, settings, redis
):
    settings.REDIS_URL = redis
    sign_in(client, alice)

    pages = [client.get(key.get_absolute_url()).text, client.get(url).text]

    said = "Each server process counts separately"
    assert [said in page for page in pages] == [not redis] * 2


def test_an_admin_changes_it_and_takes_it_back(client, alice, key, url):
    sign_in(client, alice)

    changed = client.post(url, {"requests_per_minute": "1200"}, follow=True)
    assert "The key may make 1,200 requests per minute from now on." in changed.text
    back = client.post(url, {"requests_per_minute": ""}, follow=True)
    assert "The key may make 600 requests per minute from now on." in back.text

    key.refresh_from_db()
    assert key.requests_per_minute is None
    texts = client.get(key.get_absolute_url()).text
    assert "From the organization&#x27;s limit to 1200, per minute." in texts


@pytest.mark.parametrize("wrong", ["0", "-5", "6001", "many", "1.5", "9" * 30])
def test_an_invalid_limit_is_refused_and_the_input_is_preserved(
    client, alice, key, url, wrong
):
    sign_in(client, alice)

    answer = client.post(url, {"requests_per_minute": wrong})

    assert answer.status_code == 200
    assert "The rate limit was not changed" in answer.text
    assert f'value="{wrong}"' in answer.text
    key.refresh_from_db()
    assert key.requests_per_minute is None


def test_a_revoked_key_has_no_such_page(client, alice, key, url):
    key.revoke(by=SYSTEM)
    sign_in(client, alice)

    assert client.get(url).status_code == 409
    assert "Change<span" not in client.get(key.get_absolute_url()).text


def test_an_owner_sets_the_limit_of_all_keys(client, olive, acme, key):
    sign_in(client, olive)
    url = reverse("apikeys:policy", args=[acme.pk])
    sent = LIMITS | {"shown_limits": SHOWN_LIMITS, "requests_per_minute": "50"}

    preview = client.post(url, sent)
    assert "600 requests (default)" in preview.text
    assert "50 requests" in preview.text
    client.post(url, sent | {"confirm": "1"})

    acme.refresh_from_db()
    assert acme.requests_per_minute == 50
    event = AuditEvent.objects.get(action="policy.updated")
    assert event.details["after"]["requests_per_minute"] == 50


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("requests_per_minute", "API_MAX_REQUESTS_PER_MINUTE"),
        ("keep_captured_requests_days", "KEEP_CAPTURED_REQUESTS_DAYS"),
        ("keep_executions_days", "KEEP_EXECUTIONS_DAYS"),
    ],
)
def test_no_policy_goes_beyond_the_site(client, olive, acme, settings, field, setting):
    setattr(settings, setting, 30)
    sign_in(client, olive)
    url = reverse("apikeys:policy", args=[acme.pk])

    for confirm in ({}, {"confirm": "1"}):
        refused = client.post(
            url, LIMITS | {"shown_limits": SHOWN_LIMITS, field: "31"} | confirm
        )
        assert refused.context["form"].errors[field][0].startswith("Enter 30 or less")
    client.post(
        url, LIMITS | {"shown_limits": SHOWN_LIMITS, field: "30", "confirm": "1"}
    )

    acme.refresh_from_db()
    assert getattr(acme, field) == 30


@pytest.mark.parametrize(
    ("before", "of_site", "after", "warned"),
    [
        (None, 0, "30", True),
        (60, 0, "30", True),
        (60, 90, "", False),
        (None, 90, "30", True),
        (30, 0, "60", False),
        (30, 0, "", False),
    ],
)
def test_a_policy_that_shortens_retention_warns_first(
    client, olive, acme, settings, before, of_site, after, warned
):
    settings.KEEP_EXECUTIONS_DAYS = of_site
    acme.keep_executions_days = before
    acme.save()
    sign_in(client, olive)
    url = reverse("apikeys:policy", args=[acme.pk])
    shown = f"90 365 False 7 None None {before} suspend None None None None None False False None 14 report"

    page = client.post(
        url, LIMITS | {"shown_limits": shown, "keep_executions_days": after}
    )

    assert "Change the policy?" in page.text
    assert ("cannot be restored" in page.text) == warned
