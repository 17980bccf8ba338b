"""Revoking what was issued or changed since a time, as after a restore."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from apikeys.actors import Actor
from apikeys.audit.export import as_ndjson
from apikeys.audit.hash_chain import event_hash
from apikeys.models import ApiKey, AuditEvent
from apikeys.representation import rfc3339
from echopoint.core.client_metadata import Client
from tests.apikeys.audit.event_data import chain
from tests.stored_chains import CHAINS

SYSTEM = Actor.command("test")
BACKUP = datetime(2026, 6, 1, 12, 0, 0, 123456, UTC)
BEFORE, AFTER = BACKUP - timedelta(days=3), BACKUP + timedelta(hours=1)
SINCE = "--issued-or-changed-since"
REASON = ["--reason", "restored"]


@pytest.fixture
def old(issue):
    """Return a maker of keys that were issued before the backup."""
    return lambda name, **values: issue(name=name, at=BEFORE, **values)[0]


@pytest.fixture
def run(capsys):
    """Return a function that revokes; it returns the names of the keys in the answer."""

    def run(*arguments, since="2026-06-01T12:00:00.123456Z"):
        call_command("revoke_api_key", SINCE, since, *REASON, "--json", *arguments)
        run.answer = json.loads(capsys.readouterr().out)
        return {key["name"] for key in run.answer["keys"]}

    return run


def failure(*arguments):
    with pytest.raises(CommandError) as error:
        call_command("revoke_api_key", *arguments)
    return str(error.value)


def live():
    return set(ApiKey.objects.unrevoked().values_list("name", flat=True))


def test_keys_that_were_issued_since_are_revoked(run, issue, old):
    old("old")
    issue(name="at the time", at=BACKUP)
    issue(name="since", at=AFTER)

    assert run() == {"at the time", "since"}

    assert live() == {"old"}
    key = ApiKey.objects.get(name="since")
    assert (key.revoke_reason, key.revoked_by_label) == (
        ("restored", "command revoke_api_key")
    )
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 2


def test_keys_that_were_changed_since_are_revoked(run, old):
    suspended, resumed, rotated = old("suspended"), old("resumed"), old("rotated")
    suspended.suspend(by=SYSTEM, at=AFTER)
    resumed.suspend(by=SYSTEM, at=BEFORE)
    resumed.resume(by=SYSTEM, at=AFTER)
    earlier = old("suspended before")
    earlier.suspend(by=SYSTEM, at=BEFORE)
    rotated.rotate(by=SYSTEM, at=AFTER)

    assert run() == {"suspended", "resumed", "rotated"}
    # The rotated key and its successor have one name.
    assert len(run.answer["keys"]) == 4
    assert live() == {"suspended before"}


def test_a_key_is_issued_since_though_its_events_are_gone(run, issue, tamper):
    issue(name="since", at=AFTER)
    tamper("DELETE FROM apikeys_auditevent")

    assert run("--dry-run") == {"since"}


def test_a_use_is_no_change(run, old):
    old("used").record_use(Client("192.0.2.1", "curl", "", "GET /flows"), AFTER)

    assert run() == set()
    assert live() == {"used"}


def test_revoked_keys_are_not_revoked_again(run, old):
    key = old("revoked")
    key.revoke(by=SYSTEM, reason="leaked", at=AFTER)

    assert run() == set()

    key.refresh_from_db()
    assert key.revoke_reason == "leaked"


def test_only_the_organization_that_is_named(run, issue, acme, globex):
    issue(name="ours", at=AFTER)
    issue(name="theirs", at=AFTER, organization=globex)

    assert run("--organization", acme.pk) == {"ours"}
    assert live() == {"theirs"}
    assert run() == {"theirs"}


def test_a_dry_run_lists_and_revokes_nothing(run, issue, capsys):
    key, _ = issue(name="since", at=AFTER)

    assert run("--dry-run") == {"since"}
    assert run.answer["dry_run"] is True
    assert run.answer["since"] == "2026-06-01T12:00:00.123000Z"
    call_command("revoke_api_key", SINCE, BACKUP.isoformat(), *REASON, "--dry-run")

    assert live() == {"since"}
    assert capsys.readouterr().out == (
        "Would revoke 1 key issued or changed since 1 June 2026, 12:00 UTC.\n"
        f"  {key.rest_id} (since) of {key.organization_id}\n"
    )


def test_it_says_what_was_revoked(issue, capsys):
    issue(name="first", at=AFTER)
    issue(name="second", at=AFTER)

    call_command("revoke_api_key", SINCE, "2026-06-01", *REASON)

    said = capsys.readouterr().out
    assert said.startswith(
        "Revoked 2 keys issued or changed since 1 June 2026, 00:00 UTC.\n"
    )
    assert "(first)" in said


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-06-01T12:30:00", True),
        ("2026-06-01T12:30:00Z", True),
        ("2026-06-01T14:30:00+02:00", True),
        ("2026-06-01T14:30:00", False),
        ("2026-06-01T12:30:00-02:00", False),
        ("2026-06-01", True),
        ("0001-01-01", True),
    ],
)
def test_a_time_without_an_offset_is_in_utc(run, issue, since, found):
    issue(name="at 13:00 UTC", at=datetime(2026, 6, 1, 13, 0, tzinfo=UTC))

    assert bool(run("--dry-run", since=since)) is found


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("yesterday", "TIME must be like 2026-11-25T17:00Z"),
        ("", "TIME must be like"),
        ("0001-01-01T00:00:00+14:00", "TIME must be like"),
        ("9999-01-01", "in the future"),
    ],
)
def test_a_time_that_cannot_be_is_refused(issue, since, said):
    issue(at=AFTER)

    assert said in failure(SINCE, since, *REASON)
    assert len(live()) == 1


def test_one_key_or_many(issue, tmp_path):
    key, _ = issue(at=AFTER)

    assert "Name one key, or give" in failure(*REASON)
    assert "Name one key, or give" in failure(key.rest_id, SINCE, "2026-06-01", *REASON)
    for option in (["--dry-run"], ["--organization", "x"], ["--from-export", "x"]):
        assert option[0] in failure(key.rest_id, *option, *REASON)
    assert "--reason" in failure(SINCE, "2026-06-01")
    assert "at most 255" in failure(SINCE, "2026-06-01", "--reason", "r" * 256)
    assert "no organization org_x" in failure(
        SINCE, "2026-06-01", *REASON, "--organization", "org_x"
    )
    assert len(live()) == 1


def revoked(capsys, *arguments):
    """Revoke with --json; return the names of the keys in the answer."""
    call_command("revoke_api_key", *arguments, *REASON, "--json")
    return {key["name"] for key in json.loads(capsys.readouterr().out)["keys"]}


def test_a_family_is_revoked_together(issue, capsys):
    old, _ = issue(name="CI")
    issue(name="other")
    old.rotate(by=SYSTEM)

    assert revoked(capsys, old.rest_id, "--family", "--dry-run") == {"CI"}
    assert live() == {"CI", "other"}
    assert revoked(capsys, old.rest_id, "--family") == {"CI"}
    assert live() == {"other"}
    assert "--family" in failure("--created-by", "x", "--family", *REASON)


@pytest.mark.parametrize("who", ["id", "address", "address of a deleted account"])
def test_all_keys_of_a_person_are_revoked(issue, acme, globex, alice, capsys, who):
    by = Actor.person(alice, via="test", is_fresh=True)
    issue(name="alice's", by=by)
    globex.memberships.create(user=alice, role="admin")
    issue(name="of globex", organization=globex, by=by)
    issue(name="a command's")
    named = alice.pk if who == "id" else "Alice@acme.example"
    if "deleted" in who:
        alice.delete()
    chosen = ["--created-by", named]

    assert revoked(capsys, *chosen, "--organization", acme.pk) == {"alice's"}
    assert revoked(capsys, *chosen) == {"of globex"}
    assert live() == {"a command's"}
    assert "No unrevoked key was created by" in failure(*chosen, *REASON)


# After a restore: the changes are in an export, and in the database no more.


@pytest.fixture
def restored(old, acme, issue, tamper, tmp_path):
    """Return an export, and put the database back to what it was before."""
    keys = {name: old(name) for name in ("revoked", "rotated", "used", "untouched")}
    keys["revoked"].revoke(by=SYSTEM, reason="leaked", at=AFTER)
    keys["rotated"].rotate(by=SYSTEM, at=AFTER)
    keys["used"].record_use(Client("192.0.2.1", "curl", "", "GET /flows"), AFTER)
    file = tmp_path / "audit.ndjson"
    file.write_text("".join(as_ndjson(AuditEvent.objects.order_by("sequence"))))
    ApiKey.objects.filter(rotated_from=keys["rotated"]).update(
        rotated_from=None, revoked_at=AFTER
    )
    ApiKey.objects.filter(name__in=keys, created_at=BEFORE).update(
        revoked_at=None, retire_at=None, overlap_ends_at=None
    )
    tamper("DELETE FROM apikeys_auditevent WHERE at >= %s", BACKUP)
    head = AuditEvent.objects.order_by("sequence").last()
    tamper(
        "UPDATE apikeys_auditchain SET length = %s, head = %s", head.sequence, head.hash
    )
    return file


def test_a_restored_chain_is_intact_though_revoked_keys_work_again(restored, acme):
    assert AuditEvent.objects.verify(acme) is None
    assert {"revoked", "rotated"} <= live()


def test_an_export_names_the_keys_that_a_restore_revived(run, restored):
    assert run() == set()

    assert run("--from-export", str(restored)) == {"revoked", "rotated"}

    assert live() == {"used", "untouched"}


def of_export(file, *more):
    return [SINCE, BACKUP.isoformat(), *REASON, "--from-export", str(file), *more]


def test_an_export_of_another_organization_is_refused(restored, globex):
    said = failure(*of_export(restored, "--organization", globex.pk))

    assert "The export is from another organization" in said
    assert "revoked" in live()


def test_an_export_of_another_installation_is_refused(restored):
    file = CHAINS / "version_2.ndjson"

    assert "another installation" in failure(
        SINCE, "2020-01-01", *REASON, "--from-export", str(file)
    )
    assert "revoked" in live()


def test_organizations_that_an_export_does_not_have_are_counted(run, restored, globex):
    run("--from-export", str(restored))

    assert run.answer["organizations_without_export"] == 1


def test_how_far_an_export_reaches_is_said(restored, acme, capsys):
    *_, last = map(json.loads, restored.read_text().splitlines())
    at = datetime.fromisoformat(last["at"])

    call_command("revoke_api_key", *of_export(restored))

    assert (
        f"The export of {acme.pk} ends with event {last['sequence']}, at {rfc3339(at)}."
        " It does not have later changes"
    ) in capsys.readouterr().out


@pytest.mark.parametrize("lacking", [-1, -2, -3])
def test_an_export_that_lacks_events_of_that_time_is_refused(restored, lacking):
    lines = restored.read_text().splitlines(keepends=True)
    gone = json.loads(lines.pop(lacking - 1))["sequence"]
    restored.write_text("".join(lines))

    said = failure(*of_export(restored))

    assert f"The file lacks events {gone} to {gone} of " in said
    assert "may be from after that time" in said
    assert "revoked" in live()


def test_an_export_may_lack_events_from_before_that_time(run, restored):
    lines = restored.read_text().splitlines(keepends=True)
    restored.write_text("".join(lines[1:]))

    assert run("--from-export", str(restored)) == {"revoked", "rotated"}


def test_a_gap_just_before_that_time_is_refused_too(restored, tmp_path):
    """An event is dated before one that it follows where it was written late."""
    made = chain(2, 2, 2)
    file = tmp_path / "gap.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in (made[0], made[2])))
    after = datetime.fromisoformat(made[2]["at"]) + timedelta(seconds=1)

    arguments = [*REASON, "--from-export", str(file)]

    assert "lacks events 2 to 2" in failure(SINCE, after.isoformat(), *arguments)
    late = after + timedelta(hours=2)
    assert "no event at or after" in failure(SINCE, late.isoformat(), *arguments)


def test_what_a_file_says_of_its_time_is_not_printed_as_it_stands(
    restored, acme, capsys
):
    *lines, last = restored.read_text().splitlines()
    event = json.loads(last)
    event["at"] = event["at"].replace("T", "\x1b")
    event["hash"] = event_hash(event)
    restored.write_text("\n".join([*lines, json.dumps(event)]))

    call_command("revoke_api_key", *of_export(restored))

    out = capsys.readouterr().out
    assert f"The export of {acme.pk} ends with event {event['sequence']}" in out
    assert "\x1b" not in out


def test_an_export_that_ends_before_that_time_is_refused(restored):
    lines = restored.read_text().splitlines(keepends=True)
    restored.write_text("".join(lines[:2]))

    assert "no event at or after that TIME" in failure(*of_export(restored))


def test_without_an_export_an_early_time_revokes_all(run, restored):
    assert run(since="2000-01-01") == {"revoked", "rotated", "used", "untouched"}
    assert live() == set()


def test_an_export_that_is_not_as_written_is_refused(restored):
    text = restored.read_text()
    arguments = of_export(restored)

    restored.write_text(text.replace("leaked", "not leaked"))
    assert "The file is broken: event" in failure(*arguments)
    restored.write_text(text + "{oops\n")
    assert "is not JSON" in failure(*arguments)
    restored.unlink()
    assert "No such file" in failure(*arguments)

    assert "revoked" in live()
