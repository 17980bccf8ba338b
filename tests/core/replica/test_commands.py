"""Commands that read the replica only on request, and never another server."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apikeys.audit.exported_file import check
from apikeys.models import AuditEvent

FROM_REPLICA = ("--database", "replica")


@pytest.fixture
def key(issue):
    return issue()[0]


@pytest.fixture
def answer(key, replica):
    """Return a function that runs a command with --json: the object."""

    def answer(*command):
        output = StringIO()
        for statements in replica.statements.values():
            statements.clear()
        call_command(*command, "--json", stdout=output)
        return json.loads(output.getvalue())

    return answer


def reads_of_events(statements):
    return [sql for sql in statements if 'FROM "apikeys_auditevent"' in sql]


def test_the_audit_is_verified_on_the_replica(answer, replica, acme):
    assert answer("verify_audit", *FROM_REPLICA)["intact"]

    assert replica.statements["default"] == []
    assert reads_of_events(replica.statements["replica"])
    command = ("verify_audit", "--organization", acme.pk, *FROM_REPLICA)
    assert answer(*command)["organizations"][0]["events"] == 2


def test_the_audit_is_exported_from_the_replica_and_recorded(
    answer, replica, acme, tmp_path
):
    file = tmp_path / "audit.ndjson"

    told = answer("export_audit", str(file), "--organization", acme.pk, *FROM_REPLICA)

    assert not reads_of_events(replica.statements["default"])
    assert told["events"] == 2
    assert check(file.read_bytes().splitlines())[acme.pk].events == 2
    assert (
        AuditEvent.objects.for_org(acme).latest("sequence").action == "audit.exported"
    )


@pytest.mark.parametrize("command", ["verify_audit", "export_audit"])
def test_the_primary_is_read_by_default(answer, replica, acme, tmp_path, command):
    file = [str(tmp_path / "audit")] if command == "export_audit" else []

    answer(command, *file, "--organization", acme.pk)

    assert replica.statements["replica"] == []


def test_another_server_is_refused(answer, replica):
    replica.database = "another/1"

    with pytest.raises(CommandError, match="no hot standby of this database"):
        answer("verify_audit", *FROM_REPLICA)


def test_a_replica_that_fails_is_named(answer, replica):
    with (
        replica.outage("40001", tells_position=True),
        pytest.raises(CommandError, match="The replica failed, or cancelled the read"),
    ):
        answer("verify_audit", *FROM_REPLICA)


def test_a_replica_that_is_not_configured_is_refused(db):
    with pytest.raises(CommandError, match="Set DATABASE_REPLICA_URL"):
        call_command("verify_audit", *FROM_REPLICA)
