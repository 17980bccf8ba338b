"""The last line of defence: whatever was let in, the audit holds no secret."""

import json

from django.urls import reverse

from apikeys.actors import Actor
from apikeys.clients import Client
from apikeys.models import ApiKey, AuditEvent
from tests.core.keys import KEY, SHOWN
from tests.signing_in import sign_in
from tests.sinks import tables

SECRET = KEY[22:]


def test_an_event_holds_no_secret_wherever_it_was_put(acme, alice):
    actor = Actor(
        "user", "user_1", f"{KEY}@acme.example", "api", client=Client("", f"curl {KEY}")
    )

    AuditEvent.objects.record(
        AuditEvent.Action.AUDIT_EXPORTED,
        organization=acme,
        actor=actor,
        target=("organization", acme.pk, f"Acme {SECRET}"),
        format="csv",
        filters={"actor": KEY, KEY: [{"x": f"of {KEY}"}]},
    )

    event = AuditEvent.objects.get()
    assert event.actor_label == f"{SHOWN}@acme.example"
    assert event.target_label == "Acme …"
    assert event.user_agent == f"curl {SHOWN}"
    name = SHOWN.replace("…", "...")
    assert event.details["filters"] == {"actor": SHOWN, name: [{"x": f"of {SHOWN}"}]}
    assert AuditEvent.objects.verify(acme) is None
    assert SECRET not in tables()


def test_a_key_that_was_named_after_a_secret_can_be_rotated_and_revoked(issue, acme):
    key, _ = issue(name="CI")
    ApiKey.objects.filter(pk=key.pk).update(name=f"CI {KEY}", description="a\nb\u200b")
    key.refresh_from_db()

    successor, _ = key.rotate(by=Actor.command("test"))
    successor.revoke(by=Actor.command("test"))

    assert successor.name == key.name
    labels = AuditEvent.objects.filter(sequence__gt=2).values_list("target_label")
    assert set(labels) == {(f"CI {SHOWN}",)}


def test_what_waits_for_a_fresh_sign_in_holds_no_secret(client, alice, acme):
    sign_in(client, alice, ago=3600)
    page = reverse("apikeys:issue", args=[acme.pk])

    answer = client.post(
        f"{page}?preset={KEY}",
        {"name": f"x {SECRET}", "description": "kept", "expires_in_days": "30"},
    )

    kept = json.dumps(dict(client.session))
    assert "description=kept" in kept
    assert SECRET not in kept
    assert SECRET not in answer["Location"]
