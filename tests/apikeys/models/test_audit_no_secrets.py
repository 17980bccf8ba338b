"""The last line of defence: whatever was let in, the audit holds no secret."""

import json
from urllib.parse import quote, unquote, urlencode

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from apikeys.places import client_name, pipeline_in
from echopoint.core.client_metadata import USER_AGENT_LENGTH, Client, one_line
from tests.core.keys import KEY, SHOWN
from tests.leak_search import tables
from tests.signing_in import sign_in

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


# What clients send


def in_hex(text):
    """Return the text with each character percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def as_read(text):
    """Return what a server makes of a header in UTF-8."""
    return text.encode().decode("latin-1")


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) for c in text)


HALF = len(KEY) - 25
DISGUISED = {
    "whole": KEY,
    "the secret alone": SECRET,
    "another prefix": KEY.replace("epk_live", "acme"),
    "split by a control character": f"{KEY[:HALF]}\x85{KEY[HALF:]}",
    "split by a tab": f"{KEY[:HALF]}\t{KEY[HALF:]}",
    "split in many places": "\x9f".join(KEY),
    "split by what is not drawn": as_read(f"{KEY[:HALF]}\u200b{KEY[HALF:]}"),
    "full width": as_read(wide(KEY)),
    "encoded": in_hex(KEY),
    "encoded in part": KEY[:HALF] + in_hex(KEY[HALF:]),
    "encoded twice": quote(in_hex(KEY)),
    "encoded often": quote(quote(quote(in_hex(KEY)))),
    "encoded and split": f"{in_hex(KEY[:HALF])}%00%C2{in_hex(KEY[HALF:])}",
    "cut at the limit": f"{'x ' * (USER_AGENT_LENGTH // 2 - 20)}{SECRET}",
    "split and cut at the limit": f"{'x ' * 80}{KEY[:HALF]}\x85{KEY[HALF:]}",
}


def holds_none(text):
    """Whether no eight characters of the secret in a row are in the text, or encoded."""
    parts = {SECRET[n : n + 8] for n in range(len(SECRET) - 7)}
    while not any(part in text for part in parts):
        if (decoded := unquote(text)) == text:
            return True
        text = decoded
    return False


@pytest.mark.parametrize("sent", DISGUISED.values(), ids=DISGUISED)
def test_what_a_client_says_of_itself_holds_no_secret(sent):
    for text in (sent, f"agent/1 ({sent}) lib/2", f"{'a' * 150} {sent}"):
        line = one_line(text)
        assert holds_none(line)
        assert holds_none(client_name(line))
        assert line.isprintable()
        assert len(line) <= USER_AGENT_LENGTH


@pytest.mark.parametrize("sent", DISGUISED.values(), ids=DISGUISED)
def test_a_place_holds_no_secret(sent):
    for name in ("repository", "workflow", "job"):
        fields = {"repository": "acme/web", name: f"ci {sent}"}
        assert holds_none(pipeline_in(urlencode(fields)).name)
        assert holds_none(pipeline_in(urlencode(fields, safe=sent)).name)


@pytest.mark.parametrize("sent", DISGUISED.values(), ids=DISGUISED)
def test_no_request_stores_a_secret_of_its_headers(api, issue, acme, sent):
    key, secret = issue()
    client = api(secret=secret, organization=acme)

    client.get("/permissions", User_Agent=sent)
    client.get("/permissions", X_CI_Context=urlencode({"repository": sent}))

    key.refresh_from_db()
    assert key.first_used_at
    assert holds_none(tables())


@pytest.mark.parametrize(
    "text",
    [
        "curl/8.5.0",
        "50%25 off/1.0",
        "agent/1 (100%; x%41y)",
        "Déploiement/1",
        "acme/web on 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    ],
)
def test_what_holds_no_secret_stays_as_it_was_sent(text):
    assert one_line(text) == text
    assert one_line(f"{text}\x85") == f"{text}\N{REPLACEMENT CHARACTER}"
