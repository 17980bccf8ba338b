"""The preview of a change: the keys that each limit concerns, before it is saved."""

import re

import pytest
from django.http import QueryDict
from django.urls import reverse

from apikeys import policy
from apikeys.actors import Actor
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.models import ApiKey, AuditEvent
from apikeys.views.policy_preview import CONCERNS
from tests.apikeys.views.policy_limits import LIMITS, SHOWN_LIMITS
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
SAME = LIMITS | {"default_lifetime_days": "90", "max_lifetime_days": "365"}


@pytest.fixture
def url(acme):
    return reverse("apikeys:policy", args=[acme.pk])


@pytest.fixture
def send(client, olive, url):
    """Return the response to a change of some limits, sent by an owner."""
    sign_in(client, olive)

    def send(**values):
        return client.post(url, SAME | {"shown_limits": SHOWN_LIMITS} | values)

    return send


def listed(organization, query):
    """Return all keys that the list shows for a query."""
    form = KeyFilterForm.read(QueryDict(query[1:]), organization=organization)
    assert not form.ignored
    return set(form.apply(ApiKey.objects.for_org(organization)))


@pytest.fixture
def keys(issue, globex, alice):
    for n in range(7):
        issue("runner:claim", "flows:read", name=f"runner {n}", owner_email=alice.email)
    described = {"description": "Reads flows", "contact_email": "ops@team.example"}
    issue("flows:read", name="reader", expires_in_days=20, **described)
    issue("flows:read", name="old")[0].revoke(by=SYSTEM)
    issue("runner:claim", name="theirs", organization=globex)


@pytest.mark.parametrize(
    ("limits", "count", "said"),
    [
        ({"max_lifetime_days": "89", "default_lifetime_days": "9"}, 7, "7 keys exceed"),
        ({"requests_per_minute": "5"}, 8, "8 keys have no rate limit"),
        ({"leak_action": "revoke"}, 8, "Each is revoked if it is reported as leaked"),
        ({"max_keys": "10"}, 8, "so 2 more can be created"),
        ({"max_keys": "8"}, 8, "reach it: no more can be created"),
        ({"max_keys": "3"}, 8, "5 more than it allows"),
        ({"admin_scopes": ["flows:read"]}, 7, "scopes that admins may not grant"),
        ({"owner_scopes": ["ci"]}, 8, "scopes that owners may not grant"),
        ({"listed_scopes": ["runner:claim"]}, 7, "no list of allowed addresses"),
        ({"notice_days": "60, 20"}, 1, "1 key ends within 60 days"),
        ({"notice_days": "5"}, 0, "No key ends within 5 days"),
        ({"require_description": "on"}, 7, "7 keys have no description"),
        ({"require_contact": "on"}, 0, "All current keys have an owner or a contact"),
        ({"review_every_days": "90"}, 8, "8 keys are included if a review opens now"),
        ({"unconfirmed_action": "suspend"}, 8, "each key is suspended unless an owner"),
        ({"listed_scopes": ["flows:delete"]}, 0, "have a list of allowed addresses"),
        ({"admin_scopes": ["flows:read", "runner:claim"]}, 0, "No current key has"),
    ],
)
def test_a_limit_shows_its_keys_and_links_to_all(keys, send, acme, limits, count, said):
    response = send(**limits)

    [preview] = response.context["previews"]
    assert said in preview.sentence
    assert preview.sentence in response.text
    assert preview.count == count
    names = [key.name for key in preview.keys]
    found = listed(acme, preview.query_string)
    assert len(found) == count
    assert names == sorted(key.name for key in found)[:5]
    for key in preview.keys:
        assert reverse("apikeys:detail", args=[acme.pk, key.public_id]) in response.text
    link = f'href="{reverse("apikeys:list", args=[acme.pk])}{preview.query_string}"'
    assert (link in response.text) == bool(count)
    assert not AuditEvent.objects.filter(action="policy.updated").exists()


def test_the_list_of_a_preview_describes_its_filter(keys, send, client, acme):
    [preview] = send(listed_scopes=["runner:claim"]).context["previews"]

    page = client.get(reverse("apikeys:list", args=[acme.pk]) + preview.query_string)

    assert "without a list of allowed addresses" in page.text
    assert "runner 6" in page.text
    assert "reader" not in page.text
    hidden = re.search(r'<input type="hidden" name="policy" value="([^"]+)"', page.text)
    assert hidden[1] == "unlisted:runner:claim"


def test_keys_without_an_owner_and_a_contact_are_shown(send, issue, acme, alice):
    issue(name="owned", owner_email=alice.email)
    issue(name="contacted", contact_email="ops@team.example")
    issue(name="neither")

    [preview] = send(require_contact="on").context["previews"]

    assert preview.sentence.startswith("1 key has neither an owner nor a contact.")
    assert preview.is_warning
    assert [key.name for key in preview.keys] == ["neither"]
    assert listed(acme, preview.query_string) == {*preview.keys}


def test_an_invalid_filter_is_ignored_and_reported(keys, client, olive, acme):
    sign_in(client, olive)

    page = client.get(reverse("apikeys:list", args=[acme.pk]) + "?policy=lifetime:x")

    assert page.status_code == 200
    assert "Policy: This is not a valid option." in page.text
    assert "reader" in page.text


def test_several_limits_have_a_preview_each(keys, send):
    response = send(max_keys="3", listed_scopes=["runner:claim"], leak_action="revoke")

    assert len(response.context["previews"]) == 3


@pytest.mark.parametrize(
    ("limits", "is_warning"),
    [
        ({"max_keys": "9"}, False),
        ({"max_keys": "8"}, True),
        ({"notice_days": "60"}, False),
        ({"listed_scopes": ["runner:claim"]}, True),
        ({"listed_scopes": ["flows:delete"]}, False),
        ({"review_every_days": "30"}, False),
        ({"review_every_days": "30", "unconfirmed_action": "suspend"}, True),
    ],
)
def test_a_preview_warns_of_keys_beyond_the_limit(keys, send, limits, is_warning):
    [preview] = send(**limits).context["previews"]

    assert preview.is_warning == is_warning


def test_a_change_that_affects_no_key_is_reported(keys, send):
    response = send(max_overlap_days="3")

    assert response.context["previews"] == []
    assert "This change affects no existing key." in response.text


def test_every_limit_of_keys_has_its_preview():
    concerned = {name for concern in CONCERNS for name in concern.limits}
    # Defaults of new keys and rotations, and limits of rows that are not keys.
    others = {"default_lifetime_days", "max_overlap_days", "review_period_days"}
    others |= {"keep_captured_requests_days", "keep_executions_days"}

    assert concerned | others == set(policy.LIMITS)
    assert not concerned & others


def test_the_confirmed_change_is_the_one_that_was_shown(keys, send, client, url, acme):
    chosen = {
        "max_keys": "20",
        "admin_scopes": ["ci", "flows:read"],
        "listed_scopes": ["runner:claim", "flows:execute"],
        "notice_days": "5, 60",
    }
    shown = send(**chosen).text.split("<main")[1]
    hidden = QueryDict(mutable=True)
    for name, value in re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown
    ):
        hidden.appendlist(name, value)

    response = client.post(url, {**dict(hidden.lists()), "confirm": "1"})

    assert response.status_code == 302
    acme.refresh_from_db()
    assert acme.max_keys == 20
    assert acme.owner_scopes is None
    assert acme.admin_scopes == ["ci", "flows:read"]
    assert acme.listed_scopes == ["flows:execute", "runner:claim"]
    assert acme.notice_days == [60, 5]
    event = AuditEvent.objects.get(action="policy.updated")
    assert event.details["after"] == {
        "max_keys": 20,
        "admin_scopes": ["ci", "flows:read"],
        "listed_scopes": ["flows:execute", "runner:claim"],
        "notice_days": [60, 5],
    }
    again = client.get(url)
    assert 'value="60, 5"' in again.text
    said = "Now: flows:read, and exactly the scopes of the preset CI pipeline"
    assert said in again.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"admin_scopes": ["*", "flows:read"]}, "admin_scopes"),
        ({"owner_scopes": []}, "owner_scopes"),
        ({"listed_scopes": ["flows:fly"]}, "listed_scopes"),
        ({"notice_days": "0"}, "notice_days"),
        ({"max_keys": "0"}, "max_keys"),
        ({"review_every_days": "45"}, "review_every_days"),
        ({"review_period_days": "31"}, "review_period_days"),
        ({"unconfirmed_action": "revoke"}, "unconfirmed_action"),
    ],
)
def test_a_wrong_limit_loses_no_other(keys, send, acme, wrong, field):
    response = send(**({"requests_per_minute": "77"} | wrong))

    assert set(response.context["form"].errors) == {field}
    assert f'href="#id_{field}"' in response.text
    assert f'id="id_{field}"' in response.text
    assert 'value="77"' in response.text
