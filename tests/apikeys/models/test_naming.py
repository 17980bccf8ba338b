"""The name and the description of a key change; audit events keep the name of their time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, AuditEvent

SYSTEM = Actor.command("test")
Action = AuditEvent.Action


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def event(key, action):
    return AuditEvent.objects.get(target_id=key.rest_id, action=action)


def test_a_renamed_key_is_found_by_its_new_name_alone(issue, acme):
    key, _ = issue(name="CI")

    assert key.rename("Deploy", by=SYSTEM)
    assert not key.rename("Deploy", by=SYSTEM)

    assert (stored(key).name, stored(key).name_key) == ("Deploy", "deploy")
    assert issue(name="ci")
    with pytest.raises(InvalidKeyRequest, match=key.public_id):
        issue(name="DEPLOY")


def test_a_rename_is_recorded_with_both_names(issue):
    key, _ = issue(name="CI")
    key.rename("Deploy", by=SYSTEM)

    assert event(key, Action.CREATED).target_label == "CI"
    renamed = event(key, Action.RENAMED)
    assert renamed.target_label == "Deploy"
    assert renamed.details == {"via": "command", "before": "CI", "after": "Deploy"}


def test_a_name_can_be_written_in_another_spelling(issue):
    key, _ = issue(name="cafe")

    assert key.rename("Café", by=SYSTEM)
    assert stored(key).name == "Café"


@pytest.mark.parametrize(
    "name",
    ["", "  ", " CI 2", "CI\n2", "CI\u200b2", "\u3164", "x" * 101, "taken", "TAKEN"],
)
def test_a_name_that_is_not_allowed_changes_nothing(issue, name):
    issue(name="Taken")
    key, _ = issue(name="CI")

    with pytest.raises(InvalidKeyRequest) as refused:
        key.rename(name, by=SYSTEM)

    assert refused.value.field == "name"
    assert (key.name, stored(key).name) == ("CI", "CI")
    assert not AuditEvent.objects.filter(action=Action.RENAMED).exists()


def test_names_of_other_organizations_and_of_revoked_keys_are_free(issue, globex):
    issue(name="theirs", organization=globex)
    issue(name="old")[0].revoke(by=SYSTEM)
    key, _ = issue(name="CI")

    assert key.rename("theirs", by=SYSTEM)
    assert key.rename("old", by=SYSTEM)


def test_a_revoked_key_keeps_its_name_and_description(issue):
    key, _ = issue(name="CI")
    key.revoke(by=SYSTEM)

    for change in (key.rename, key.set_description):
        with pytest.raises(KeyConflict):
            change("x", by=SYSTEM)


def test_an_expired_key_frees_its_name_by_a_rename(issue):
    key, _ = issue(name="CI", at=timezone.now() - timedelta(days=100))
    assert key.status() == ApiKey.Status.EXPIRED

    assert key.rename("CI (expired)", by=SYSTEM)
    assert issue(name="CI")


def test_both_keys_of_a_rotation_can_be_renamed_and_the_rotation_cancelled(issue):
    old, _ = issue(name="CI")
    new, _ = old.rotate(by=SYSTEM)

    assert new.rename("CI new", by=SYSTEM)
    assert stored(old).name == "CI"
    assert old.rename("CI old", by=SYSTEM)
    with pytest.raises(InvalidKeyRequest, match=new.public_id):
        old.rename("ci NEW", by=SYSTEM)

    old.cancel_rotation(by=SYSTEM)
    assert issue(name="CI")


def test_a_key_that_shared_its_name_holds_the_new_one_alone(issue):
    key, _ = issue(name="CI")
    ApiKey.objects.filter(pk=key.pk).update(namesake=key.public_id)

    key.rename("ci", by=SYSTEM)
    assert stored(key).namesake == key.public_id
    key.rename("Deploy", by=SYSTEM)
    assert stored(key).namesake == ""


def test_another_change_of_the_key_is_not_undone(issue):
    key, _ = issue(name="CI")
    ApiKey.objects.filter(pk=key.pk).update(description="Deploys the shop", name="CD")

    key.rename("Deploy", by=SYSTEM)

    assert event(key, Action.RENAMED).details["before"] == "CD"
    assert stored(key).description == "Deploys the shop"


def test_a_description_is_set_changed_and_removed(issue):
    key, _ = issue()

    assert key.set_description(" Deploys the shop ", by=SYSTEM)
    assert not key.set_description("Deploys the shop", by=SYSTEM)
    assert stored(key).description == "Deploys the shop"
    assert key.set_description("", by=SYSTEM)

    assert stored(key).description == ""
    events = AuditEvent.objects.filter(action=Action.DESCRIPTION_CHANGED)
    changes = [(e.details["before"], e.details["after"]) for e in events]
    assert changes == [("", "Deploys the shop"), ("Deploys the shop", "")]


@pytest.mark.parametrize("text", ["x" * 501, "two\nlines", "a\x00b", "a\u202eb"])
def test_a_description_is_one_bounded_paragraph(issue, text):
    key, _ = issue(description="Deploys the shop")

    with pytest.raises(InvalidKeyRequest) as refused:
        key.set_description(text, by=SYSTEM)
    with pytest.raises(InvalidKeyRequest):
        issue(description=text)

    assert refused.value.field == "description"
    assert key.description == stored(key).description == "Deploys the shop"


def test_a_change_that_cannot_be_recorded_is_undone(issue, monkeypatch):
    key, _ = issue(name="CI")
    monkeypatch.setattr(ApiKey, "record", lambda *args, **details: 1 / 0)

    for change in (key.rename, key.set_description):
        with pytest.raises(ZeroDivisionError):
            change("x", by=SYSTEM)

    assert (stored(key).name, stored(key).description) == ("CI", "")


def test_a_successor_has_the_description_unless_another_is_given(issue):
    key, _ = issue(description="Deploys the shop")

    successor, _ = key.rotate(by=SYSTEM)
    other, _ = successor.rotate(by=SYSTEM, description="Deploys everything")

    assert successor.description == "Deploys the shop"
    assert event(successor, Action.CREATED).details["description"] == "Deploys the shop"
    assert other.description == "Deploys everything"
    assert stored(successor).description == "Deploys the shop"
