"""Concurrent changes of names: no name is held twice, and each event has the last name."""

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey, AuditEvent
from tests.signing_in import sign_in

concurrent = pytest.mark.postgresql
SYSTEM = Actor.command("test")


@concurrent
def test_keys_are_not_renamed_to_the_same_name_at_once(committing, at_once, issue):
    keys = [issue(name=f"CI {n}")[0] for n in range(3)]

    results = at_once(3, lambda n: keys[n].rename("Deploy", by=SYSTEM))

    refused = [r for r in results if isinstance(r, InvalidKeyRequest)]
    assert len(refused) == 2, results
    assert all(r.field == "name" for r in refused)
    assert ApiKey.objects.filter(name="Deploy").count() == 1
    assert AuditEvent.objects.filter(action="api_key.renamed").count() == 1


@concurrent
def test_a_rename_waits_for_another_and_records_its_name(committing, meanwhile, issue):
    key, _ = issue(name="CI")

    meanwhile(
        lambda: ApiKey.objects.get(pk=key.pk).rename("first", by=SYSTEM),
        lambda: ApiKey.objects.get(pk=key.pk).rename("second", by=SYSTEM),
    )

    events = AuditEvent.objects.filter(action="api_key.renamed").order_by("sequence")
    changes = [(e.details["before"], e.details["after"]) for e in events]
    assert changes == [("CI", "first"), ("first", "second")]


@concurrent
def test_a_successor_has_the_name_and_description_of_a_concurrent_change(
    committing, meanwhile, issue
):
    key, _ = issue(name="CI")

    def change():
        key.set_description("Deploys the shop", by=SYSTEM)

    meanwhile(change, lambda: ApiKey.objects.get(pk=key.pk).rotate(by=SYSTEM))

    successor = ApiKey.objects.get(rotated_from=key)
    assert successor.description == "Deploys the shop"


def test_a_name_is_stored_before_events_lock_the_audit_chain(
    api, client, alice, issue, statements
):
    """A revocation locks the count of keys, then the chain; the other order would deadlock."""
    key, _ = issue(name="CI")
    sign_in(client, alice)
    page = reverse("apikeys:edit", args=[key.organization_id, key.public_id])
    shown = client.get(page).context["form"]["shown"].value()
    patch = api(user=alice)
    path = f"/api-keys/{key.rest_id}"
    changes = {"description": "Deploys", "allowed_networks": ["192.0.2.0/24"]}

    with statements() as by_page:
        client.post(page, {"name": "a", "description": "b", "shown": shown})
    with statements() as by_api:
        patch("PATCH", path, changes | {"name": "c", "contact_email": "a@acme.example"})

    for run in (by_page, by_api):
        chain = position(run, "SELECT", "auditchain")
        assert position(run, "UPDATE", "name_key") < chain < len(run)


def position(statements, verb, word):
    """Return the index of the first statement with this verb and word."""
    return next(
        index
        for index, sql in enumerate(statements)
        if sql.startswith(verb) and word in sql
    )
