"""`check_pepper_rotation` reports how many keys use each pepper, and if one can be removed."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apikeys import pepper_rotation
from apikeys.actors import Actor
from apikeys.models import ApiKey, PepperFingerprint

ONE, TWO, THREE = "o" * 32, "t" * 32, "h" * 32
BOTH = f"1:{ONE},2:{TWO}"
BY = Actor.command("test")


@pytest.fixture
def peppers(db, settings):
    """Return a setter of the peppers; only version 1 is configured at first."""
    PepperFingerprint.objects.all().delete()

    def peppers(text):
        settings.API_KEY_PEPPERS = text

    peppers(f"1:{ONE}")
    return peppers


@pytest.fixture
def run(capsys):
    """Return a function that runs the command; returns (exit code, its output)."""

    def run(*arguments):
        try:
            call_command("check_pepper_rotation", *arguments)
        except SystemExit as error:
            return error.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


@pytest.fixture
def answer(run):
    def answer():
        code, text = run("--json")
        return code, json.loads(text)

    return answer


def used(key, days):
    at = timezone.now() - timedelta(days=days)
    ApiKey.objects.filter(pk=key.pk).update(first_used_at=at, last_used_at=at)


def test_without_an_older_pepper_the_rotation_is_complete(peppers, issue, run):
    issue()

    assert run() == (0, "1 key under pepper 1, the current one.\n")


def test_keys_of_an_older_pepper_are_counted_and_listed(
    peppers, issue, answer, run, acme, alice
):
    person = Actor.person(alice, via="page", is_fresh=True)
    idle, _ = issue(name="nightly", by=person)
    busy, _ = issue(name="deploy")
    issued_long_ago, _ = issue(name="forgotten")
    made_at = timezone.now() - timedelta(days=91)
    ApiKey.objects.filter(pk=issued_long_ago.pk).update(created_at=made_at)
    used(idle, 90)
    used(busy, 1)
    peppers(BOTH)
    issue()

    code, fields = answer()
    _, text = run()

    assert code == 1
    assert not fields["complete"]
    old, current = fields["peppers"]
    assert (old["version"], old["keys"], old["unused_keys"]) == (1, 3, 2)
    assert old["keys_can_authenticate"]
    assert not old["removable"]
    assert (current["version"], current["keys"]) == (2, 1)
    assert current["current"]
    assert [key["name"] for key in fields["keys"]] == ["forgotten", "nightly", "deploy"]
    assert fields["keys_not_listed"] == 0
    listed = fields["keys"][1]
    assert listed["id"] == idle.rest_id
    assert listed["organization_id"] == acme.pk
    assert listed["created_by"] == "alice@acme.example"
    assert "3 keys still under pepper 1, 2 of them unused for 90 days." in text
    assert (
        f"{idle.rest_id} (nightly) of Acme ({acme.pk}): pepper 1, active, last used 90"
        " days ago, created by alice@acme.example" in text
    )
    assert f"{issued_long_ago.rest_id} (forgotten)" in text
    assert "never used" in text
    assert "can be removed" not in text


def test_the_old_pepper_can_be_removed_once_its_last_key_was_used(
    peppers, issue, answer, run, acme
):
    _, secret = issue()
    peppers(BOTH)
    assert answer()[0] == 1

    ApiKey.objects.authenticate(secret, organization_id=acme.pk, ip=None)

    code, text = run()
    assert code == 0
    assert "1 key under pepper 2, the current one." in text
    assert "Pepper 1 can be removed" in text
    assert answer()[1]["peppers"][0]["removable"]


@pytest.mark.parametrize("state", ["expired", "suspended", "retired"])
def test_keys_that_do_not_work_now_need_their_pepper_too(peppers, issue, answer, state):
    key, _ = issue()
    past = timezone.now() - timedelta(days=1)
    values = {
        "expired": {"created_at": past - timedelta(days=1), "expires_at": past},
        "suspended": {"suspended_at": past},
        "retired": {"retire_at": past},
    }[state]
    ApiKey.objects.filter(pk=key.pk).update(**values)
    peppers(BOTH)

    code, fields = answer()

    assert code == 1
    assert fields["keys"][0]["status"] == state
    assert not fields["peppers"][0]["removable"]


def test_revoked_keys_do_not_need_their_pepper(peppers, issue, answer):
    key, _ = issue()
    key.revoke(by=BY)
    peppers(BOTH)

    code, fields = answer()

    assert code == 0
    assert fields["complete"]
    assert [pepper["keys"] for pepper in fields["peppers"]] == [0, 0]
    assert fields["peppers"][0]["removable"]


def test_a_version_that_is_not_configured_is_named(peppers, issue, answer, run):
    issue()
    peppers(f"2:{TWO}")

    code, fields = answer()
    _, text = run()

    missing = fields["peppers"][0]
    assert code == 1
    assert (missing["version"], missing["configured"]) == (1, False)
    assert not missing["keys_can_authenticate"]
    assert not missing["removable"]
    assert "these keys cannot authenticate" in text
    assert "revoke_api_key --pepper-version 1" in text


def test_keys_of_a_higher_version_than_the_current_one_are_named(peppers, issue, run):
    peppers(f"3:{THREE}")
    issue()
    peppers(BOTH)

    code, text = run()

    assert code == 1
    assert "1 key still under pepper 3" in text
    assert "these keys cannot authenticate" in text


def test_another_secret_of_a_version_is_named(peppers, issue, answer, run):
    issue()
    peppers(f"1:{THREE}")

    code, fields = answer()
    _, text = run()

    assert code == 1
    assert not fields["complete"]
    assert not fields["peppers"][0]["keys_can_authenticate"]
    assert "is not the one that this database was used with" in text
    assert not [secret for secret in (ONE, THREE) if secret in text]


def test_the_list_is_bounded_and_the_rest_is_counted(peppers, issue, run, monkeypatch):
    monkeypatch.setattr(pepper_rotation, "MOST_LISTED", 2)
    for _ in range(5):
        issue()
    peppers(BOTH)

    _, text = run()

    assert text.count("key_") == 2
    assert "and 3 other keys." in text


def test_one_pass_counts_all_keys(peppers, issue, run, statements):
    for _ in range(3):
        issue()
    peppers(BOTH)

    with statements() as executed:
        run()

    # The fingerprints, the counts, the listed keys with their organizations.
    assert len(executed) == 3
