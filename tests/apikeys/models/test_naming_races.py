"""Concurrent changes of names: no name is held twice, and each event has the last name."""

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey, AuditEvent

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")


def test_keys_are_not_renamed_to_the_same_name_at_once(committing, at_once, issue):
    keys = [issue(name=f"CI {n}")[0] for n in range(3)]

    results = at_once(3, lambda n: keys[n].rename("Deploy", by=SYSTEM))

    refused = [r for r in results if isinstance(r, InvalidKeyRequest)]
    assert len(refused) == 2, results
    assert all(r.field == "name" for r in refused)
    assert ApiKey.objects.filter(name="Deploy").count() == 1
    assert AuditEvent.objects.filter(action="api_key.renamed").count() == 1


def test_a_rename_waits_for_another_and_records_its_name(committing, meanwhile, issue):
    key, _ = issue(name="CI")

    meanwhile(
        lambda: ApiKey.objects.get(pk=key.pk).rename("first", by=SYSTEM),
        lambda: ApiKey.objects.get(pk=key.pk).rename("second", by=SYSTEM),
    )

    events = AuditEvent.objects.filter(action="api_key.renamed").order_by("sequence")
    changes = [(e.details["before"], e.details["after"]) for e in events]
    assert changes == [("CI", "first"), ("first", "second")]


def test_a_successor_has_the_name_and_description_of_a_concurrent_change(
    committing, meanwhile, issue
):
    key, _ = issue(name="CI")

    def change():
        key.set_description("Deploys the shop", by=SYSTEM)

    meanwhile(change, lambda: ApiKey.objects.get(pk=key.pk).rotate(by=SYSTEM))

    successor = ApiKey.objects.get(rotated_from=key)
    assert successor.description == "Deploys the shop"
