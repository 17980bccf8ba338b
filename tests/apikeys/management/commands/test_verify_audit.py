"""The command that checks chains: what it says, and what it never claims."""

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from apikeys.actors import Actor
from apikeys.audit.export import as_ndjson
from apikeys.audit.hash_chain import GENESIS, event_hash
from apikeys.models import AuditEvent
from tests.apikeys.audit.event_data import chain, event_data
from tests.paths import ROOT
from tests.stored_chains import CHAINS

ENDS = "A file alone cannot show whether newer events are missing, or whether someone"


@pytest.fixture
def run(capsys):
    """Return a function that runs the command; it returns its exit code and output."""

    def run(*arguments):
        code = 0
        try:
            call_command("verify_audit", *map(str, arguments))
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def answer(run):
    """Return a function that runs the command with --json; it returns the object too."""

    def answer(*arguments):
        code, out = run(*arguments, "--json")
        return code, json.loads(out)

    return answer


@pytest.fixture
def file(tmp_path):
    """Return a function that writes records to a file."""

    def file(records):
        path = tmp_path / "audit.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
        return path

    return file


def failure(*arguments):
    with pytest.raises(CommandError) as error:
        call_command("verify_audit", *map(str, arguments))
    return str(error.value)


# A file. None of these tests has a database: a query would fail.


def test_a_whole_file_is_intact_as_far_as_a_file_can_show(run, file):
    records = chain(1, 2, 2)

    code, out = run(file(records))

    assert code == 0
    assert out.splitlines()[0] == (
        "org_x: all 3 events are intact, on 1 June 2026, 12:00 UTC."
        f" Head: {records[-1]['hash']}."
    )
    assert ENDS in out


@pytest.mark.parametrize("version", [1, 2])
def test_the_chains_that_are_kept_verify(run, version):
    code, out = run(CHAINS / f"version_{version}.ndjson")

    assert code == 0
    assert "events are intact, from " in out


def test_no_database_is_needed_for_a_file():
    environment = os.environ | {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "verify_audit", CHAINS / "version_2.ndjson"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "all 7 events are intact" in done.stdout


def test_standard_input_is_read(run, monkeypatch):
    lines = io.BytesIO((CHAINS / "version_2.ndjson").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines))

    assert "all 7 events are intact" in run("-")[1]


def test_a_changed_event_of_a_file_is_named(run, answer, file):
    records = chain(2, 2, 2)
    records[1]["actor_label"] = "mallory"
    path = file(records)

    code, out = run(path)

    assert code == 1
    assert (
        "BROKEN: event 2 was changed. 1 event before it agrees with its own hash" in out
    )
    assert "intact" not in out
    assert ENDS not in out
    code, told = answer(path)
    assert (code, told["intact"]) == (1, False)
    assert told["organizations"][0]["broken"] == (
        {"sequence": 2, "reason": "was changed"}
    )


def test_a_file_with_gaps_is_never_called_intact(run, answer, file):
    records = chain(*[2] * 12)
    path = file([records[n - 1] for n in (3, 4, 7, 9, 12)])

    code, out = run(path)

    assert code == 1
    assert "5 events agree with their own hash" in out
    assert "as written" not in out
    assert "Not in the file: 1 to 2, 5 to 6, 8, 10 to 11." in out
    assert "cannot show whether a filter excluded them or someone removed" in out
    assert "or whether someone rewrote the events around them" in out
    assert "intact" not in out
    code, told = answer(path)
    assert (code, told["intact"]) == (1, None)
    (found,) = told["organizations"]
    assert (found["checked"], found["intact"]) == (5, None)
    assert found["missing"] == [[1, 2], [5, 6], [8, 8], [10, 11]]


def test_many_gaps_are_counted(run, file):
    records = chain(*[2] * 20)

    out = run(file(records[1::2]))[1]

    assert "Not in the file: 1, 3, 5, 7, 9, and 5 more ranges." in out


def test_gaps_are_no_failure_of_a_file_with_filters(run, file):
    records = chain(2, 2, 2)
    path = file([records[0], records[2]])

    code, out = run(path, "--filtered")

    assert code == 0
    assert "intact" not in out
    records[2]["ip"] = "x"
    assert run(file([records[0], records[2]]), "--filtered")[0] == 1


def test_a_file_of_several_organizations_names_each(run, file):
    path = file([*chain(2, 2), event_data(organization_id="org_y")])

    code, out = run(path)

    assert code == 0
    assert "org_x: all 2 events are intact" in out
    assert "org_y: 1 event is intact" in out
    assert "org_x" not in run(path, "--organization", "org_y")[1]


def test_a_file_in_which_nothing_is_checked_fails(file):
    assert "nothing was checked" in failure(file([]))
    assert "nothing was checked" in failure(
        file(chain(2)), "--organization", "org_other"
    )


def test_a_malformed_line_is_named(file):
    path = file(chain(2))
    path.write_text(path.read_text() + "{oops\n")

    assert failure(path).startswith("Line 2 is not JSON")


def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path):
    assert "No such file" in failure(tmp_path / "none")
    assert "directory" in failure(tmp_path)


def test_filters_are_of_files_only():
    assert "needs a FILE" in failure("--filtered")


# A head that was kept elsewhere.


def test_a_kept_head_is_found_in_a_file(run, answer, file):
    records = chain(2, 2, 2)
    path = file(records)

    code, out = run(path, "--expect-head", records[2]["hash"].upper())
    assert code == 0
    assert "This is the expected head." in out
    assert ENDS not in out

    code, out = run(path, "--expect-head", records[0]["hash"])
    assert code == 0
    assert "Event 1 has the expected head; 2 events follow." in out
    assert ENDS in out

    code, told = answer(path, "--expect-head", records[1]["hash"])
    assert told["organizations"][0]["expected_head"] == (
        {
            "hash": records[1]["hash"],
            "sequence": 2,
            "events_after": 1,
            "protects_from": 1,
        }
    )


def test_an_event_that_only_says_it_follows_a_kept_head_proves_nothing(
    run, answer, file
):
    """Who knows the head can write such an event, with a hash that agrees."""
    records = chain(2, 2, 2, 2)
    path, head = file(records[2:]), records[1]["hash"]

    code, out = run(path, "--expect-head", head, "--filtered")

    assert code == 1
    assert "Event 3 claims to follow the expected head, but anyone can" in out
    assert "has the expected head" not in out
    code, told = answer(path, "--expect-head", head, "--filtered")
    assert (code, told["intact"]) == (1, None)
    assert told["organizations"][0]["expected_head"]["sequence"] is None


def test_a_kept_head_protects_no_event_before_a_gap(run, answer, file):
    records = chain(2, 2, 2, 2, 2)
    path = file([records[0], *records[2:]])

    code, out = run(path, "--expect-head", records[3]["hash"], "--filtered")

    assert code == 0
    assert (
        "Event 4 has the expected head; 1 event follows. It protects only events 3 to 4."
        in out
    )
    _, told = answer(path, "--expect-head", records[3]["hash"])
    assert told["organizations"][0]["expected_head"]["protects_from"] == 3


def test_events_in_another_order_are_not_called_missing(run, answer, file):
    records = chain(2, 2, 2, 2)
    path = file([records[0], records[3], records[1], records[2]])

    code, out = run(path, "--filtered")

    assert code == 1
    assert (
        "BROKEN: event 2 comes twice, or after a later one. 2 events before it" in out
    )
    assert "Not in the file" not in out
    assert answer(path)[1]["organizations"][0]["missing"] is None


def test_a_head_that_is_not_in_a_file_is_a_failure(run, answer, file):
    path = file(chain(2, 2))

    code, out = run(path, "--expect-head", "f" * 64)

    assert code == 1
    assert "The expected head was not found" in out
    code, told = answer(path, "--expect-head", "f" * 64, "--filtered")
    # The file may end before the event that has it.
    assert (code, told["intact"]) == (1, None)
    assert told["organizations"][0]["expected_head"]["sequence"] is None


def test_an_event_before_a_break_is_not_called_as_written(run, file):
    records = chain(2, 2, 2)
    records[1]["actor_label"] = "mallory"
    records[1]["hash"] = event_hash(records[1])

    out = run(file(records))[1]

    assert "BROKEN: event 3 does not follow the event before it. 2 events" in out
    assert "as written" not in out


def test_only_events_that_are_there_came_after_a_head(run, answer, file):
    records = chain(*[2] * 9)
    arguments = [file([records[0], records[8]]), "--expect-head", records[0]["hash"]]

    assert (
        "Event 1 has the expected head; 1 event follows."
        in run(*arguments, "--filtered")[1]
    )
    told = answer(*arguments)[1]["organizations"][0]
    assert told["expected_head"]["events_after"] == 1


@pytest.mark.parametrize(
    "head", ["", "x", "f" * 63, "f" * 65, "g" * 64, "0x" + "f" * 62]
)
def test_a_head_that_cannot_be_one_is_refused(file, head):
    assert "64 characters" in failure(file(chain(2)), "--expect-head", head)


def test_a_head_needs_to_be_of_one_chain(file):
    path = file([*chain(2), event_data(organization_id="org_y")])

    assert "--organization" in failure(path, "--expect-head", "f" * 64)


# The database.


@pytest.fixture
def events(issue):
    """Return acme's four events."""
    key, _ = issue()
    key.suspend(by=Actor.command("test"))
    key.resume(by=Actor.command("test"))
    return list(key.organization.audit_events.order_by("sequence"))


def test_a_kept_head_is_found_in_the_database(run, answer, events):
    code, out = run("--expect-head", events[3].hash)
    assert code == 0
    assert "all 4 events are intact" in out
    assert "This is the expected head." in out

    code, told = answer("--expect-head", events[1].hash)
    assert (code, told["intact"]) == (0, True)
    assert told["organizations"][0]["expected_head"]["events_after"] == 2

    assert (
        "Event 0 has the expected head; 4 events follow"
        in run("--expect-head", GENESIS)[1]
    )


def test_a_chain_that_was_cut_back_is_noticed_by_a_kept_head(run, events, tamper, acme):
    """By whoever owns the database: the chain alone looks intact."""
    head = events[3].hash
    tamper("DELETE FROM apikeys_auditevent WHERE sequence > 2")
    tamper("UPDATE apikeys_auditchain SET length = 2, head = %s", events[1].hash)
    assert run()[0] == 0

    code, out = run("--expect-head", head, "--organization", acme.pk)

    assert code == 1
    assert "The expected head was not found" in out
    assert run("--expect-head", events[1].hash)[0] == 0


def test_a_kept_head_behind_a_broken_link_is_not_vouched_for(run, events, tamper):
    tamper("UPDATE apikeys_auditevent SET ip = 'x' WHERE sequence = 3")

    code, out = run("--expect-head", events[3].hash)

    assert code == 1
    assert "BROKEN: event 3 was changed." in out
    assert "The expected head is not among the events before it." in out


def test_a_head_needs_an_organization_where_there_are_several(events, globex, acme):
    assert "--organization" in failure("--expect-head", events[0].hash)
    call_command(
        "verify_audit", "--expect-head", events[0].hash, "--organization", acme.pk
    )


def test_an_organization_without_events_has_nothing_to_check(run, acme):
    assert run() == (0, f"{acme.pk}: no events, nothing to check.\n")


def test_an_export_is_checked_as_the_database_is(run, answer, events, tmp_path):
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(as_ndjson(AuditEvent.objects.order_by("sequence"))))

    assert answer(path)[1] == answer()[1]
