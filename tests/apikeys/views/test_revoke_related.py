"""Revoking a family of keys, and all keys that a person created."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from apikeys.views import related_keys
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")


@pytest.fixture
def send(client, alice, acme):
    """Return a function that requests a page of a key as alice."""
    sign_in(client, alice)

    def send(page, key, data=None):
        url = reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])
        return client.get(url) if data is None else client.post(url, data, follow=True)

    return send


def live():
    return set(ApiKey.objects.unrevoked().values_list("name", flat=True))


def revocations():
    return AuditEvent.objects.filter(action="api_key.revoked").count()


def made_by(user):
    return Actor.person(user, via="page", is_fresh=True)


def test_a_family_is_revoked_with_one_event_for_each_key(send, issue):
    old, _ = issue(name="CI")
    issue(name="other")
    successor, _ = old.rotate(by=SYSTEM)
    link = reverse("apikeys:revoke_family", args=[old.organization_id, old.public_id])
    assert link in send("detail", old).text

    asked = send("revoke_family", old).text
    done = send("revoke_family", old, {"reason": "leaked"})

    assert old.display_id in asked
    assert successor.display_id in asked
    assert "2 keys revoked." in done.text
    assert live() == {"other"}
    assert revocations() == 2
    assert set(
        ApiKey.objects.filter(family_id=old.family_id).values_list(
            "revoke_reason", flat=True
        )
    ) == {"leaked"}
    assert "Nothing to revoke" in send("revoke_family", old).text
    assert "There was nothing left to revoke." in send("revoke_family", old, {}).text


def test_all_keys_of_a_person_are_revoked_and_no_others(
    send, issue, alice, olive, globex
):
    mine, _ = issue(name="mine", by=made_by(alice))
    issue(name="mine too", by=made_by(alice))
    issue(name="olive's", by=made_by(olive))
    issue(name="a command's")
    globex.memberships.create(user=alice, role="admin")
    issue(name="of globex", organization=globex, by=made_by(alice))

    asked = send("revoke_creator", mine).text
    done = send("revoke_creator", mine, {})

    assert "Revoke all keys of alice@acme.example?" in asked
    assert "2 keys revoked." in done.text
    assert live() == {"olive's", "a command's", "of globex"}


def test_a_family_ends_at_the_organization(send, issue, globex):
    key, _ = issue(name="ours")
    foreign, _ = issue(name="theirs", organization=globex)
    ApiKey.objects.filter(pk=foreign.pk).update(family_id=key.family_id)

    send("revoke_family", key, {})

    assert live() == {"theirs"}


def test_keys_of_a_deleted_account_are_found_by_their_label(send, issue, bob, acme):
    acme.memberships.filter(user=bob).update(role="admin")
    key, _ = issue(name="bob's", by=made_by(bob))
    issue(name="a command's")
    bob.delete()
    key.refresh_from_db()

    assert "revoke all keys that they created" in send("detail", key).text
    send("revoke_creator", key, {})

    assert live() == {"a command's"}


def test_commands_are_no_person_whose_keys_are_revoked(send, issue):
    key, _ = issue(name="a command's")

    assert "Nothing to revoke" in send("revoke_creator", key).text
    send("revoke_creator", key, {})

    assert live() == {"a command's"}


def test_many_keys_are_revoked_in_parts(send, issue, alice, monkeypatch):
    monkeypatch.setattr(related_keys, "MAX_REVOKED", 2)
    keys = [issue(by=made_by(alice))[0] for _ in range(3)]

    asked = send("revoke_creator", keys[0]).text
    first = send("revoke_creator", keys[0], {}).text

    assert "2 keys are revoked at a time." in asked
    assert "2 keys revoked, 1 left. Continue." in first
    assert "Revoke all keys of alice@acme.example?" in first
    assert len(live()) == 1
    assert "1 key revoked." in send("revoke_creator", keys[0], {}).text
    assert live() == set()


def test_the_list_of_one_creator_offers_it(client, alice, olive, acme, issue):
    sign_in(client, alice)
    key, _ = issue(by=made_by(alice))
    issue(by=made_by(olive))
    url = reverse("apikeys:list", args=[acme.pk])
    link = reverse("apikeys:revoke_creator", args=[acme.pk, key.public_id])

    assert link in client.get(url, {"creator": alice.pk}).text
    assert "revoke-creator" not in client.get(url).text
    assert "revoke-creator" not in client.get(url, {"creator": "left"}).text


def test_a_reason_that_holds_a_key_revokes_nothing(send, issue, alice):
    key, secret = issue(by=made_by(alice))

    refused = send("revoke_creator", key, {"reason": secret})

    assert "looks like an API key" in refused.text
    assert live() == {key.name}
