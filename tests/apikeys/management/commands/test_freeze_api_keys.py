"""`freeze_api_keys` freezes an organization, and ends the freeze."""

import json

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def answer(capsys, acme):
    """Return a function that runs the command for acme and reads its JSON."""

    def answer(*arguments):
        call_command("freeze_api_keys", "--organization", acme.pk, *arguments, "--json")
        return json.loads(capsys.readouterr().out)

    return answer


def test_it_freezes_and_ends_the_freeze(answer, acme):
    frozen = answer("--reason", "stolen laptop")

    acme.refresh_from_db()
    assert frozen["changed"]
    assert frozen["frozen_at"]
    assert acme.frozen_by_label == "command freeze_api_keys"
    assert not answer()["changed"]
    assert answer("--end") == {
        "organization_id": acme.pk,
        "frozen_at": None,
        "changed": True,
    }
    assert not answer("--end")["changed"]


def test_it_says_what_it_did(capsys, acme):
    for arguments, said in (
        ([], "Acme: all keys are frozen.\n"),
        ([], "Acme: all keys were frozen before.\n"),
        (["--end"], "Acme: the freeze is over.\n"),
        (["--end"], "Acme: the keys were not frozen.\n"),
    ):
        call_command("freeze_api_keys", "--organization", acme.pk, *arguments)

        assert capsys.readouterr().out == said


def test_an_unknown_organization_is_refused(db):
    with pytest.raises(CommandError, match="There is no organization"):
        call_command("freeze_api_keys", "--organization", "org_none")
