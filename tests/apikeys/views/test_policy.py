"""The policy page: permissions, preview and change."""

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys import policy
from apikeys.models import ApiKey, AuditEvent
from echopoint.organizations.models import Organization
from tests.apikeys.views.policy_limits import LIMITS, SHOWN_LIMITS
from tests.signing_in import sign_in


@pytest.fixture
def url(acme):
    return reverse("apikeys:policy", args=[acme.pk])


@pytest.fixture
def send(client, olive, url):
    """Return the answer to a change of the policy, sent by the owner."""
    sign_in(client, olive)

    def send(**values):
        return client.post(
            url, LIMITS | {"shown_limits": SHOWN_LIMITS} | values, follow=True
        )

    return send


@pytest.mark.parametrize("limit", policy.LIMITS)
def test_the_page_has_a_field_for_each_limit(client, olive, url, limit):
    """A limit without a field would be cleared by each change of another."""
    sign_in(client, olive)

    assert f'name="{limit}"' in client.get(url).text, (
        f"Include the field of {limit} in templates/apikeys/policy.html."
    )


def test_a_change_shows_first_which_keys_it_concerns(send, acme, issue, globex):
    Organization.objects.update(allow_non_expiring=True)
    acme.refresh_from_db()
    issue(name="short", expires_in_days=80)
    issue(name="long", expires_in_days=81)
    issue(name="endless", expires_in_days=None)
    stopped, _ = issue(name="stopped", expires_in_days=300)
    ApiKey.objects.filter(pk=stopped.pk).update(revoked_at=timezone.now())
    issue(name="theirs", organization=globex, expires_in_days=300)

    strict = send(
        shown_limits="90 365 True 7 None None None suspend None None None None None False False None 14 report"
    )
    lenient = send(
        shown_limits="90 365 True 7 None None None suspend None None None None None False False None 14 report",
        allow_non_expiring="on",
    )

    [exceeding] = strict.context["previews"]
    assert [key.name for key in exceeding.keys] == ["endless", "long"]
    [exceeding] = lenient.context["previews"]
    assert [key.name for key in exceeding.keys] == ["long"]
    acme.refresh_from_db()
    assert acme.max_lifetime_days == 365
    assert not AuditEvent.objects.filter(action="policy.updated").exists()


def test_a_confirmed_change_holds_and_ends_no_key(send, acme, issue):
    key, _ = issue(expires_in_days=365)

    response = send(confirm="1")

    assert "The policy was changed" in response.text
    acme.refresh_from_db()
    assert (acme.default_lifetime_days, acme.max_lifetime_days) == (60, 80)
    before = key.expires_at
    key.refresh_from_db()
    assert key.expires_at == before
    event = AuditEvent.objects.get(action="policy.updated")
    assert event.actor_label == "olive@acme.example"
    assert event.details["before"] == {
        "default_lifetime_days": 90,
        "max_lifetime_days": 365,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_lifetime_days": "0"},
        {"max_lifetime_days": "3651"},
        {"default_lifetime_days": "81"},
        {"max_overlap_days": "-1"},
        {"max_overlap_days": ""},
    ],
)
@pytest.mark.parametrize("confirm", [{}, {"confirm": "1"}])
def test_limits_that_cannot_be_are_refused(send, acme, wrong, confirm):
    response = send(**wrong, **confirm)

    assert response.context["form"].errors
    assert "The policy was not changed" in response.text
    acme.refresh_from_db()
    assert acme.max_lifetime_days == 365


def test_a_default_above_the_maximum_is_reported_at_its_field(send):
    refused = send(default_lifetime_days="81", max_lifetime_days="80")
    allowed = send(default_lifetime_days="80", max_lifetime_days="80")

    assert refused.context["form"].errors == {
        "default_lifetime_days": ["Enter at most the maximum lifetime, 80 days."]
    }
    assert 'href="#id_default_lifetime_days"' in refused.text
    assert not allowed.context["form"].errors


def test_a_stale_page_says_so_and_changes_nothing(send, acme):
    Organization.objects.update(max_overlap_days=3)

    response = send(confirm="1")

    assert "has changed since you opened this page" in response.text
    assert response.context["form"]["max_overlap_days"].value() == 3
    acme.refresh_from_db()
    assert acme.max_lifetime_days == 365


def test_nothing_is_recorded_when_nothing_changes(send, acme):
    same = {"default_lifetime_days": "90", "max_lifetime_days": "365"}

    response = send(**same, confirm="1")

    assert "nothing changed" in response.text
    assert not AuditEvent.objects.filter(action="policy.updated").exists()


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_who_is_no_owner_reads_only(client, request, url, acme, who):
    sign_in(client, request.getfixturevalue(who))

    page = client.get(url)
    refused = client.post(url, LIMITS | {"shown_limits": SHOWN_LIMITS, "confirm": "1"})

    assert "365 days" in page.text
    assert "<input" not in page.text.split("<main")[1]
    assert refused.status_code == 403
    acme.refresh_from_db()
    assert acme.max_lifetime_days == 365


def test_who_signed_in_long_ago_reads_and_is_asked_again_to_change(
    client, olive, url, acme
):
    client.force_login(olive)

    assert client.get(url).status_code == 200
    response = client.post(url, LIMITS | {"shown_limits": SHOWN_LIMITS, "confirm": "1"})

    assert response["Location"].startswith("/accounts/")
    acme.refresh_from_db()
    assert acme.max_lifetime_days == 365


def test_a_limit_that_is_too_large_says_what_to_enter(send):
    refused = send(max_lifetime_days="3651")

    assert refused.context["form"].errors["max_lifetime_days"] == [
        "Enter 3650 or less."
    ]
    assert "Let people create keys that never expire." in refused.text
