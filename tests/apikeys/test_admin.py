"""The console: it shows everything, and changes keys by the model's verbs alone."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent, PepperFingerprint
from echopoint.organizations.models import User
from tests.signing_in import sign_in

LIST = "/admin/apikeys/apikey/"


def act(client, action, *keys, **values):
    selected = {"action": action, "_selected_action": [key.pk for key in keys]}
    return client.post(LIST, selected | values, follow=True)


@pytest.mark.parametrize("action", ["revoke", "suspend"])
def test_stopping_asks_for_a_reason_first_and_is_recorded(boss, issue, action):
    key, _ = issue()
    asked = act(boss, action, key)
    key.refresh_from_db()
    assert key.status() == "active"
    assert b'name="reason"' in asked.content

    act(boss, action, key, reason="leaked")

    key.refresh_from_db()
    assert key.status() == {"revoke": "revoked", "suspend": "suspended"}[action]
    event = AuditEvent.objects.order_by("sequence").last()
    assert event.action == f"api_key.{key.status()}"
    assert event.details == {"via": "admin", "reason": "leaked"}
    assert event.actor_label == "boss@echopoint.example"


def test_a_suspended_key_is_resumed(boss, issue):
    key, _ = issue()
    act(boss, "suspend", key, reason="")

    act(boss, "resume", key, reason="")

    key.refresh_from_db()
    assert key.status() == "active"


def test_what_the_model_refuses_is_said_and_the_others_are_done(boss, issue):
    (ended, _), (live, _) = issue(), issue()
    act(boss, "revoke", ended, reason="")

    response = act(boss, "suspend", ended, live, reason="")

    live.refresh_from_db()
    assert "that is final" in response.content.decode()
    assert live.status() == "suspended"


def test_a_person_without_the_right_is_offered_no_action(client, issue):
    key, _ = issue()
    clerk = User.objects.create_user("clerk@echopoint.example", is_staff=True)
    sign_in(client, clerk)

    response = act(client, "revoke", key, reason="")

    key.refresh_from_db()
    assert response.status_code == 403
    assert key.status() == "active"


@pytest.mark.parametrize("page", ["add", "change", "delete"])
@pytest.mark.parametrize("model", ["apikey", "auditevent", "auditchain", "keyusage"])
def test_nothing_is_added_changed_or_deleted_by_hand(boss, issue, model, page):
    issue()
    row = (
        AuditEvent.objects.first() if model == "auditevent" else ApiKey.objects.first()
    )
    args = [] if page == "add" else [row.pk]

    response = boss.post(reverse(f"admin:apikeys_{model}_{page}", args=args), {})

    assert response.status_code in {302, 403}
    if response.status_code == 302:  # there is no such row
        assert response["Location"] == reverse("admin:index")
    assert AuditEvent.objects.count() == 2


def test_the_console_leads_to_the_pages_where_keys_are_made_and_seen(boss, issue):
    key, _ = issue()

    listed = boss.get(LIST).content.decode()

    assert 'href="/orgs/" class="addlink"' in listed
    assert key.get_absolute_url().endswith(f"/{key.public_id}/")


def test_the_console_says_whose_its_times_are(boss):
    assert "All times are UTC." in boss.get(LIST).text


def test_the_console_offers_actions_that_can_occur_or_did(boss, issue, monkeypatch):
    monkeypatch.setattr("apikeys.audit.events.UNUSED", {AuditEvent.Action.RENAMED})
    key, _ = issue()
    url = "/admin/apikeys/auditevent/"
    assert "?action=api_key.created" in boss.get(url).text
    assert "Renamed" not in boss.get(url).text

    AuditEvent.objects.record(
        "api_key.renamed",
        organization=key.organization,
        actor=Actor.command("test"),
        target=("api_key", key.rest_id, key.name),
    )

    found = boss.get(url, {"action": "api_key.renamed"}).context["cl"].result_list
    assert [event.action for event in found] == ["api_key.renamed"]
    assert "?action=api_key.renamed" in boss.get(url).text


def test_keys_are_filtered_by_their_pepper(boss, issue, settings):
    settings.API_KEY_PEPPERS = f"1:{'o' * 32}"
    issue(name="old one")
    revoked, _ = issue(name="revoked one")
    revoked.revoke(by=Actor.command("test"))
    settings.API_KEY_PEPPERS = f"2:{'t' * 32},3:{'h' * 32}"
    issue(name="new one")

    def shown(value):
        return boss.get(f"{LIST}?pepper={value}").content.decode()

    assert "new one" in shown(3)
    assert "old one" not in shown(3)
    assert "old one" in shown("other")
    assert "revoked one" not in shown("other")
    assert "new one" not in shown("other")
    assert "3, current" in shown(2)
    for value in ("x", "1", str(10**20)):
        assert boss.get(f"{LIST}?pepper={value}").status_code == 302


def test_a_pepper_is_shown_without_its_fingerprint(boss, issue):
    issue()
    pepper = PepperFingerprint.objects.get()

    listed = boss.get("/admin/apikeys/pepperfingerprint/")
    one = boss.get(f"/admin/apikeys/pepperfingerprint/{pepper.pk}/change/")

    assert "yes, the current one" in listed.content.decode()
    for page in (listed, one):
        assert page.status_code == 200
        assert pepper.fingerprint not in page.content.decode()
