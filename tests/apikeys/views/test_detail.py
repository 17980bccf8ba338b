"""The page of a key: facts, timeline and actions."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent, Refusal
from apikeys.scopes import SCOPES
from echopoint.core.client_metadata import Client
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def shown(signed_in, acme):
    """Return a reader of a key's page: its text, with runs of space as one."""

    def shown(key, page="detail"):
        url = reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])
        response = signed_in.get(url)
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    return shown


def changed(key, **values):
    ApiKey.objects.filter(pk=key.pk).update(**values)
    key.refresh_from_db()
    return key


def refused(key, reason, at, count=1, ip=None):
    Refusal.objects.create(key=key, reason=reason, minute=at, count=count, last_ip=ip)


def test_the_page_shows_the_facts_and_no_secret(shown, issue):
    key, secret = issue(name="Deploy <b>")
    key.record_use(Client("192.0.2.1", "curl/8 <i>", "", "GET /flows"))

    text = shown(key)

    for fact in (
        "Deploy &lt;b&gt;",
        key.display_id,
        key.rest_id,
        "192.0.2.1",
        "curl/8 &lt;i&gt;",
        "GET /flows",
        "Active",
    ):
        assert fact in text
    assert secret not in text
    assert secret[-6:] not in text
    assert key.digest not in text


def test_every_scope_is_described_with_its_risk(shown, issue):
    key, _ = issue("flows:execute", "webhooks:read")

    text = shown(key)

    assert SCOPES["webhooks:read"].description in text
    assert SCOPES["flows:execute"].sensitive in text
    assert text.count("Sensitive") == 1


def test_a_scope_that_left_the_catalog_is_shown_as_such(shown, issue):
    key, _ = issue("webhooks:read")

    text = shown(changed(key, scopes=["webhooks:fly"]))

    assert "webhooks:fly" in text
    assert "No longer in the scope catalog" in text


def test_refused_requests_are_summed_by_reason(shown, issue):
    (key, _), (other, _) = issue(), issue()
    now = timezone.now()
    refused(key, "API_KEY_SUSPENDED", now - 3 * DAY, 4, "192.0.2.1")
    refused(key, "API_KEY_SUSPENDED", now - 2 * DAY, 5, "192.0.2.2")
    refused(key, "API_KEY_SUSPENDED", now - DAY, 6)  # of no known address
    refused(key, "MISSING_REQUIRED_SCOPES", now - MINUTE, 2)
    refused(other, "API_KEY_REVOKED", now, 7)

    text = shown(key)

    assert "15 ×</strong> The key was suspended." in text
    assert "from 192.0.2.2" in text
    assert "192.0.2.1" not in text
    assert text.index("MISSING_REQUIRED_SCOPES") < text.index("API_KEY_SUSPENDED")
    assert "API_KEY_REVOKED" not in text


def test_refused_requests_of_more_than_a_month_ago_are_left_out(shown, issue):
    key, _ = issue()
    refused(key, "API_KEY_SUSPENDED", timezone.now() - 31 * DAY)

    assert "None in the last 30 days" in shown(key)


def test_the_timeline_is_the_keys_own_newest_first(shown, issue):
    (key, _), (other, _) = issue(), issue()
    key.suspend(by=SYSTEM, reason="looked into <b>")
    key.resume(by=SYSTEM)
    other.revoke(by=SYSTEM, reason="of another key")

    text = shown(key)
    timeline = text[text.index("timeline-title") :]

    assert (
        timeline.index("Resumed")
        < timeline.index("Suspended")
        < timeline.index("Created")
    )
    assert "looked into &lt;b&gt;" in timeline
    assert "command test" in timeline
    assert "of another key" not in timeline


def test_the_timeline_has_every_kind_of_event_in_words(shown, issue):
    """No action of the audit is one that the page cannot put in words."""
    key, _ = issue()
    moment = timezone.now().isoformat()
    samples = {
        "scopes": ["flows:read"],
        "expires_at": moment,
        "retire_at": moment,
        "successor": "key_x",
    }
    actions = [a for a in AuditEvent.Action if a.value.startswith("api_key.")]
    for action in actions:
        names = AuditEvent.DETAILS[action]
        key.record(action, SYSTEM, **{n: samples.get(n, n) for n in names})
        key.record(action, SYSTEM)

    text = shown(key)

    for action in actions:
        assert action.label in text


@pytest.mark.parametrize(
    ("overlap", "said"),
    [(timedelta(0), "This key stopped immediately."), (DAY, "Overlap until")],
)
def test_a_rotation_says_whether_both_keys_work(shown, issue, overlap, said):
    key, _ = issue()
    at = timezone.now().replace(microsecond=123456)
    key.rotate(by=SYSTEM, overlap=overlap, at=at)

    assert said in shown(key)


def test_fifty_events_are_shown_at_most(shown, issue):
    key, _ = issue()
    for _ in range(30):
        key.suspend(by=SYSTEM)
        key.resume(by=SYSTEM)

    text = shown(key)

    assert text.count("<strong>Suspended</strong>") == 25
    assert "<strong>Created</strong>" not in text


def test_a_creator_who_left_is_marked(shown, issue, acme, bob):
    key, _ = issue()
    changed(key, created_by=bob, created_by_label=str(bob))
    assert "Left Acme" not in shown(key)

    acme.memberships.filter(user=bob).delete()

    assert "Left Acme" in shown(key)


ACTIONS = ("rotate", "suspend", "resume", "revoke")


def offered(text, acme, key):
    return {
        action
        for action in ACTIONS
        if f'"{reverse(f"apikeys:{action}", args=[acme.pk, key.public_id])}"' in text
    }


@pytest.mark.parametrize(
    ("change", "word", "expected"),
    [
        ({}, "Active", {"rotate", "suspend", "revoke"}),
        ({"suspended_at": timezone.now()}, "Suspended", {"resume", "revoke"}),
        ({"retire_at": timezone.now() + DAY}, "Retiring", {"suspend", "revoke"}),
        ({"retire_at": timezone.now() - MINUTE}, "Retired", {"revoke"}),
        ({"revoked_at": timezone.now()}, "Revoked", set()),
    ],
)
def test_what_can_be_done_follows_from_the_state(
    shown, issue, acme, change, word, expected
):
    key = changed(issue()[0], **change)

    text = shown(key)

    assert offered(text, acme, key) == expected
    assert f">{word}</span>" in text


def test_an_expired_key_says_what_to_do(shown, issue, acme):
    key, _ = issue(at=timezone.now() - 10 * DAY, expires_in_days=1)

    text = shown(key)

    assert offered(text, acme, key) == {"revoke"}
    assert "create another" in text


def test_a_member_sees_all_and_is_offered_nothing(client, bob, acme, issue):
    key, _ = issue()
    key.rotate(by=SYSTEM)
    sign_in(client, bob)

    url = reverse("apikeys:detail", args=[acme.pk, key.public_id])
    text = client.get(url).content.decode()

    assert key.display_id in text
    assert "Not used yet" in text
    pages = (*ACTIONS, "retire", "cancel_rotation")
    links = [reverse(f"apikeys:{p}", args=[acme.pk, key.public_id]) for p in pages]
    assert [link for link in links if link in text] == []


def test_the_list_links_to_the_page(signed_in, acme, issue):
    key, _ = issue()

    text = signed_in.get(reverse("apikeys:list", args=[acme.pk])).content.decode()

    assert f'"{reverse("apikeys:detail", args=[acme.pk, key.public_id])}"' in text


@pytest.mark.parametrize("public_id", ["nothing", "a\x00b", "ä" * 12, "x" * 500])
def test_an_id_of_no_key_is_not_found(signed_in, acme, public_id):
    url = reverse("apikeys:detail", args=[acme.pk, public_id])

    assert signed_in.get(url).status_code == 404


def test_the_page_costs_the_same_however_much_happened(
    signed_in, acme, issue, django_assert_max_num_queries
):
    key, _ = issue()
    successor, _ = key.rotate(by=SYSTEM)
    for n in range(20):
        refused(key, f"REASON_{n}", timezone.now() - n * MINUTE)
        key.suspend(by=SYSTEM)
        key.resume(by=SYSTEM)
    url = reverse("apikeys:detail", args=[acme.pk, key.public_id])

    with django_assert_max_num_queries(16):
        signed_in.get(url)


@pytest.mark.parametrize(
    ("page", "before", "after", "action"),
    [
        ("suspend", {}, "suspended", "api_key.suspended"),
        ("resume", {"suspended_at": timezone.now()}, "active", "api_key.resumed"),
    ],
)
def test_a_pause_asks_first_and_is_recorded_with_its_reason(
    signed_in, shown, issue, acme, page, before, after, action
):
    key = changed(issue()[0], **before)
    url = reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])
    assert "reason" in shown(key, page)
    assert key.status() != after

    done = signed_in.post(url, {"reason": "for now"}, follow=True)

    assert done.redirect_chain[-1][0].endswith(f"/{key.public_id}/")
    key.refresh_from_db()
    assert key.status() == after
    event = AuditEvent.objects.get(action=action)
    assert event.details["reason"] == "for now"
    assert event.actor_label == "alice@acme.example"


@pytest.mark.parametrize("page", ["suspend", "resume"])
def test_suspending_an_ended_key_shows_what_happened_to_it(
    signed_in, issue, acme, page
):
    key, _ = issue()
    key.revoke(by=SYSTEM, reason="came between")
    url = reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])

    for response in (signed_in.get(url), signed_in.post(url)):
        assert response.status_code == 409
        assert "came between" in response.content.decode()
    assert AuditEvent.objects.filter(target_id=key.rest_id).last().action == (
        "api_key.revoked"
    )


def test_suspending_twice_reports_that_nothing_changed(signed_in, issue, acme):
    key, _ = issue()
    url = reverse("apikeys:suspend", args=[acme.pk, key.public_id])
    signed_in.post(url)

    again = signed_in.post(url, follow=True)

    assert "already suspended; nothing changed" in again.content.decode()
    assert AuditEvent.objects.filter(action="api_key.suspended").count() == 1


def test_a_reason_that_the_record_cannot_hold_is_refused_at_its_field(
    signed_in, issue, acme
):
    key, _ = issue()
    url = reverse("apikeys:suspend", args=[acme.pk, key.public_id])

    response = signed_in.post(url, {"reason": "a\tb"})

    assert "control characters" in response.context["form"].errors["reason"][0]
    key.refresh_from_db()
    assert key.suspended_at is None


def test_a_key_that_expired_while_suspended_stays_refused_after_resuming(shown, issue):
    key, _ = issue(at=timezone.now() - 10 * DAY, expires_in_days=1)

    text = shown(changed(key, suspended_at=timezone.now() - 5 * DAY), "resume")

    assert "stay refused" in text
