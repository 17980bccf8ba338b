"""The append-only chain of events."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apikeys.actors import Actor
from apikeys.models import AuditChain, AuditEvent
from apikeys.models.audit import Immutable
from echopoint.core.client_metadata import Client

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Action = AuditEvent.Action


@pytest.fixture
def record(acme):
    """Return a function that appends an event to a chain, acme's if it is not told."""

    def record(action=Action.REVOKED, organization=acme, at=NOW, **details):
        client = Client("192.0.2.7", "curl", "request-1")
        return AuditEvent.objects.record(
            action,
            organization=organization,
            actor=Actor("user", "user_1", "alice", "page", client=client),
            target=("api_key", "key_1", "CI"),
            at=at,
            **details,
        )

    return record


@pytest.fixture
def chain(record):
    """Five events of acme's."""
    return [record(reason=f"reason {n}") for n in range(1, 6)]


def verify(organization):
    broken = AuditEvent.objects.verify(organization)
    return broken and tuple(broken)


def test_an_event_keeps_what_it_was_told(record):
    event = AuditEvent.objects.get(pk=record(reason="leaked").pk)

    assert (event.sequence, event.at, event.action) == (1, NOW, "api_key.revoked")
    assert (event.actor_type, event.actor_id, event.actor_label) == (
        ("user", "user_1", "alice")
    )
    assert (event.target_type, event.target_id, event.target_label) == (
        ("api_key", "key_1", "CI")
    )
    assert (event.ip, event.user_agent) == ("192.0.2.7", "curl")
    assert event.request_id == "request-1"
    assert event.details == {"via": "page", "reason": "leaked"}


def test_each_event_follows_the_one_before_it(chain, acme):
    hashes = [event.hash for event in chain]

    assert [event.sequence for event in chain] == [1, 2, 3, 4, 5]
    assert [event.prev_hash for event in chain] == ["0" * 64, *hashes[:-1]]
    end = AuditChain.objects.get(organization=acme)
    assert (end.length, end.head) == (5, hashes[-1])


def test_records_are_the_events_as_dicts(chain, acme):
    records = list(AuditEvent.objects.for_org(acme).order_by("sequence").records())

    assert [list(record.items()) for record in records] == [
        list(event.as_dict().items()) for event in chain
    ]


def test_the_hash_can_be_computed_by_anyone_from_the_row(record, acme):
    event = AuditEvent.objects.get(pk=record(reason="é").pk)

    row = AuditEvent.objects.filter(pk=event.pk).values().get()
    for name in AuditEvent.NOT_HASHED:
        del row[name]
    row["at"] = "2026-06-01T12:00:00.000Z"
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert event.hash == hashlib.sha256(text.encode()).hexdigest()


def test_an_event_has_the_newest_version_and_whole_milliseconds(record, acme):
    at = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)

    event = AuditEvent.objects.get(pk=record(at=at).pk)

    assert event.version == 2
    assert event.at == datetime(2026, 6, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert event.as_dict()["at"] == "2026-06-01T12:00:00.123Z"
    assert verify(acme) is None


@pytest.mark.parametrize(
    "value", [0.5, [1.0], {"a": 1.0}, {"é": 1}, 2**53, {1: "x"}, {"x"}, NOW, "\ud800"]
)
def test_a_detail_that_is_no_plain_json_is_refused(record, value):
    with pytest.raises(ValueError):  # noqa: PT011, of several kinds
        record(reason=value)

    assert not AuditEvent.objects.exists()


def test_an_event_survives_dumpdata(record):
    """Django's JSON cuts times to milliseconds; version 2 has no more than those."""
    event = record(at=NOW.replace(microsecond=123456))

    text = serializers.serialize("json", [event])
    (loaded,) = serializers.deserialize("json", text)

    assert loaded.object.compute_hash() == event.hash


def test_each_organization_has_a_chain_of_its_own(chain, record, acme, globex):
    foreign = record(organization=globex)

    assert (foreign.sequence, foreign.prev_hash) == (1, "0" * 64)
    assert verify(acme) is verify(globex) is None
    assert AuditEvent.objects.for_org(globex).count() == 1


@pytest.mark.parametrize(
    ("action", "details", "unlisted"),
    [
        (Action.REVOKED, {"secret": "x"}, "secret"),
        (Action.REVOKED, {"reason": "x", "digest": "x"}, "digest"),
        (Action.SECRET_DISPLAYED, {"reason": "x"}, "reason"),
        (Action.FIRST_USED, {"via": "x"}, "via"),
    ],
)
def test_a_detail_that_is_not_listed_is_refused(record, action, details, unlisted):
    with pytest.raises(ValueError, match=rf"takes no details \['{unlisted}'\]"):
        record(action, **details)

    assert not AuditEvent.objects.exists()


def test_every_action_says_which_details_it_takes():
    assert set(AuditEvent.DETAILS) == set(Action)


def test_an_event_is_rolled_back_with_the_change_that_it_tells_of(chain, record, acme):
    with transaction.atomic():
        record()
        transaction.set_rollback(True)

    assert AuditEvent.objects.count() == 5
    assert AuditChain.objects.get(organization=acme).length == 5
    assert record().sequence == 6


CHANGES = [
    lambda event: event.save(),
    lambda event: event.delete(),
    lambda event: AuditEvent.objects.all().delete(),
    lambda event: AuditEvent.objects.update(action="x"),
    lambda event: AuditEvent.objects.bulk_create([AuditEvent()]),
    lambda event: AuditEvent.objects.bulk_update([event], ["action"]),
    lambda event: AuditEvent.objects.update_or_create(
        pk=event.pk, defaults={"action": "x"}
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_model_refuses_to_change_an_event(record, change, acme):
    event = record()

    refused = pytest.raises(Immutable, match=r"cannot be|appended one by one")
    with refused, transaction.atomic():
        change(event)

    assert verify(acme) is None


STATEMENTS = [
    "UPDATE apikeys_auditevent SET actor_label = 'mallory'",
    "UPDATE apikeys_auditevent SET actor_label = actor_label WHERE sequence = 3",
    "DELETE FROM apikeys_auditevent WHERE sequence = 5",
    "DELETE FROM apikeys_auditevent",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_to_change_an_event(chain, acme, statement):
    refused = pytest.raises(DatabaseError, match="audit events are append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditEvent.objects.count() == 5
    assert verify(acme) is None


@pytest.mark.postgresql
def test_the_database_refuses_to_empty_the_table(chain):
    refused = pytest.raises(DatabaseError, match="append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE apikeys_auditevent")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_without_the_triggers_the_statements_above_would_work(chain, tamper, statement):
    assert tamper(statement)


def test_an_untouched_chain_is_intact(chain, acme):
    assert verify(acme) is None


def test_an_organization_without_events_is_intact(acme):
    assert verify(acme) is None


@pytest.mark.parametrize("sequence", [1, 3, 5])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_label", "mallory"),
        ("details", '{"via": "page", "reason": "nothing to see"}'),
        ("at", NOW + timedelta(microseconds=1)),
        ("ip", ""),
        ("hash", "0" * 64),
        ("prev_hash", "f" * 64),
    ],
)
def test_a_changed_event_is_named(chain, tamper, acme, sequence, column, value):
    sql = f"UPDATE apikeys_auditevent SET {column} = %s WHERE sequence = %s"  # noqa: S608
    assert tamper(sql, value, sequence) == 1

    assert verify(acme) == (sequence, "was changed")


@pytest.mark.postgresql
@pytest.mark.parametrize("at", ["2026-06-01 12:00 BC", "12026-06-01 12:00", "infinity"])
def test_a_time_that_python_cannot_read_is_a_change(chain, tamper, acme, at):
    tamper("UPDATE apikeys_auditevent SET at = %s WHERE sequence = 3", at)

    assert verify(acme) == (3, "was changed")


def test_a_changed_event_with_its_hash_made_right_breaks_the_next_link(
    chain, tamper, acme
):
    chain[2].actor_label = "mallory"
    tamper(
        "UPDATE apikeys_auditevent SET actor_label = %s, hash = %s WHERE sequence = 3",
        "mallory",
        chain[2].compute_hash(),
    )

    assert verify(acme) == (4, "does not follow the event before it")


def test_a_changed_last_event_with_its_hash_made_right_is_not_the_recorded_end(
    chain, tamper, acme
):
    chain[4].actor_label = "mallory"
    tamper(
        "UPDATE apikeys_auditevent SET actor_label = %s, hash = %s WHERE sequence = 5",
        "mallory",
        chain[4].compute_hash(),
    )

    sequence, reason = verify(acme)
    assert sequence == 5
    assert reason.startswith("was changed")


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_a_deleted_event_is_named(chain, tamper, acme, sequence):
    assert tamper("DELETE FROM apikeys_auditevent WHERE sequence = %s", sequence) == 1

    assert verify(acme) == (sequence, "was deleted")


def test_of_many_deleted_events_the_first_is_named(chain, tamper, acme):
    tamper("DELETE FROM apikeys_auditevent WHERE sequence IN (2, 4)")

    assert verify(acme) == (2, "was deleted")


def test_a_chain_emptied_of_all_events_is_broken_at_the_first(chain, tamper, acme):
    tamper("DELETE FROM apikeys_auditevent")

    assert verify(acme) == (1, "was deleted")


def test_an_event_moved_to_another_organization_is_missed_here_and_stray_there(
    chain, tamper, acme, globex
):
    tamper(
        "UPDATE apikeys_auditevent SET organization_id = %s WHERE sequence = 5",
        globex.pk,
    )

    assert verify(acme) == (5, "was deleted")
    assert verify(globex) == (5, "was inserted")


@pytest.mark.parametrize("sequence", [0, 6, 7])
def test_an_inserted_event_is_named(chain, acme, sequence):
    forged = AuditEvent.objects.get(sequence=5)
    forged.pk, forged.sequence, forged._state.adding = None, sequence, True
    forged.prev_hash = chain[4].hash
    forged.hash = forged.compute_hash()
    forged.save(force_insert=True)

    assert verify(acme) == (sequence, "was inserted")


def test_two_events_that_change_places_are_found(chain, tamper, acme):
    for before, after in [(2, 100), (3, 2), (100, 3)]:
        tamper(
            "UPDATE apikeys_auditevent SET sequence = %s WHERE sequence = %s",
            after,
            before,
        )

    assert verify(acme) == (2, "was changed")


def test_a_broken_chain_leaves_the_others_intact(chain, record, tamper, globex):
    record(organization=globex)
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = 3")

    assert verify(globex) is None


@pytest.mark.parametrize("query", [1, 2, 3, 4])
def test_an_event_appended_during_the_walk_is_no_forgery(chain, record, acme, query):
    """Whichever query of the walk it comes before."""
    seen = 0

    def append_before(execute, sql, params, many, context):
        nonlocal seen
        seen += 1
        if seen == query:
            record()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(append_before):
        broken = verify(acme)

    assert AuditEvent.objects.count() == 6
    assert broken is None


def run_command(*arguments):
    """Return the command's exit code and all that it wrote to standard output."""
    out = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_finds_every_chain_intact(chain, record, acme, globex):
    record(organization=globex)

    code, out = run_command("--json")

    assert code == 0
    answer = json.loads(out)
    assert answer["intact"] is True
    heads = dict(AuditChain.objects.values_list("organization_id", "head"))
    assert sorted(answer["organizations"], key=lambda c: c["events"]) == [
        {
            "organization_id": organization.pk,
            "events": count,
            "checked": count,
            "from": "2026-06-01T12:00:00Z",
            "until": "2026-06-01T12:00:00Z",
            "head": heads[organization.pk],
            "intact": True,
            "broken": None,
            "missing": [],
        }
        for organization, count in ((globex, 1), (acme, 5))
    ]


def test_the_command_names_the_broken_link_and_ends_in_1(chain, tamper, acme, globex):
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = 3")

    code, out = run_command("--json", "--organization", acme.pk)

    assert code == 1
    assert json.loads(out) == {
        "intact": False,
        "organizations": [
            {
                "organization_id": acme.pk,
                "events": 4,
                "checked": 2,
                "from": "2026-06-01T12:00:00Z",
                "until": "2026-06-01T12:00:00Z",
                "head": chain[1].hash,
                "intact": False,
                "broken": {"sequence": 3, "reason": "was deleted"},
                "missing": None,
            }
        ],
    }
    assert run_command("--organization", globex.pk)[0] == 0


def test_the_command_says_so_in_words_too(chain, record, tamper, acme):
    last = record(at=NOW + timedelta(days=40, minutes=7))
    intact = run_command()[1]
    tamper("DELETE FROM apikeys_auditevent WHERE sequence = 3")
    code, broken = run_command()

    assert code == 1
    assert intact == (
        f"{acme.pk}: all 6 events are intact, from 1 June 2026, 12:00 to 11 July 2026,"
        f" 12:07 UTC. Head: {last.hash}.\n"
    )
    assert broken == (
        f"{acme.pk}: BROKEN: event 3 was deleted. 2 events before it agree with their own hash, on"
        " 1 June 2026, 12:00 UTC.\n"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM apikeys_auditchain",
        "UPDATE apikeys_auditchain SET length = length - 1",
        "UPDATE apikeys_auditchain SET head = 'x'",
    ],
)
def test_the_end_of_a_chain_cannot_be_moved_back(chain, acme, sql):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)

    assert verify(acme) is None


def test_a_chain_that_is_gone_while_keys_are_there_is_broken(
    chain, tamper, acme, issue
):
    issue()
    tamper("DELETE FROM apikeys_auditevent")
    tamper("DELETE FROM apikeys_auditchain")

    assert verify(acme) == (1, "was deleted")


def test_an_event_cannot_be_made_without_record(acme):
    with pytest.raises(Immutable):
        AuditEvent.objects.create(
            organization=acme, sequence=1, at=NOW, action="api_key.created"
        )


def test_replacing_an_event_is_refused(chain):
    insert = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"{insert} INTO apikeys_auditevent"  # noqa: S608
            " SELECT * FROM apikeys_auditevent WHERE sequence = 1"
        )
