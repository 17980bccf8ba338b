"""The command that re-encrypts stored values with the first key."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from echopoint.environments.management.commands import reencrypt
from echopoint.environments.models import Variable

COLUMN = "environments.Variable.value"


@pytest.fixture
def answer(capsys):
    """Return a function that runs the command with --json and parses its output."""

    def answer():
        call_command("reencrypt", "--json")
        told = json.loads(capsys.readouterr().out)
        told["columns"] = {c["column"]: c for c in told["columns"]}
        return told

    return answer


def values():
    return {v.key: v.value.decrypt() for v in Variable.objects.all()}


def test_all_values_move_to_the_first_key(put, encryption_keys, settings, answer):
    put("one", "1", secret=True)
    put("two", "")
    first = encryption_keys()
    put("three", "3")
    before = dict(Variable.objects.values_list("key", "updated_at"))

    told = answer()

    assert told["columns"][COLUMN]["reencrypted"] == 2
    assert (told["reencrypted"], told["unreadable"]) == (2, 0)
    settings.ENCRYPTION_KEYS = first
    assert values() == {"one": "1", "two": "", "three": "3"}
    assert dict(Variable.objects.values_list("key", "updated_at")) == before


def test_repeating_it_changes_nothing(put, encryption_keys, answer):
    put("one", "1")
    encryption_keys()
    answer()
    stored = Variable.objects.get().value

    told = answer()

    assert told["reencrypted"] == 0
    assert Variable.objects.get().value == stored


def test_more_than_a_batch_is_moved(put, encryption_keys, answer, monkeypatch):
    monkeypatch.setattr(reencrypt, "BATCH", 2)
    for number in range(5):
        put(f"k{number}", "v")
    encryption_keys()

    assert answer()["reencrypted"] == 5


def test_unreadable_values_are_unchanged_and_reported(
    put, encryption_keys, settings, capsys
):
    put("lost", "l")
    second = encryption_keys()
    put("kept", "k")
    settings.ENCRYPTION_KEYS = f"{encryption_keys()},{second}"
    lost = Variable.objects.get(key="lost").value

    with pytest.raises(SystemExit) as ended:
        call_command("reencrypt", "--json")

    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert (told["reencrypted"], told["unreadable"]) == (1, 1)
    assert Variable.objects.get(key="lost").value == lost
    assert Variable.objects.get(key="kept").value.decrypt() == "k"


def test_a_concurrent_change_is_not_overwritten(put, encryption_keys, answer):
    put("one", "before")
    encryption_keys()
    changed = []

    def change(execute, sql, params, many, context):
        """Set the variable just before the command writes it."""
        if sql.startswith("UPDATE") and not changed:
            changed.append(True)
            put("one", "after")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(change):
        told = answer()

    assert changed
    assert told["reencrypted"] == 0
    assert values() == {"one": "after"}


def test_the_plain_output_is_one_line_per_column(put, encryption_keys, capsys):
    put("one", "1")
    encryption_keys()

    call_command("reencrypt")

    assert f"{COLUMN}: 1 re-encrypted; no value needs" in capsys.readouterr().out


def test_keys_that_cannot_be_read_end_the_command(db, settings):
    settings.ENCRYPTION_KEYS = "short"

    with pytest.raises(CommandError, match="Fernet keys"):
        call_command("reencrypt")
