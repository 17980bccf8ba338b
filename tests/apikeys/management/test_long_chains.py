"""A long chain is checked in several processes; none that dies passes for intact."""

import io
import json
import os
import signal
from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apikeys.actors import Actor
from apikeys.management import long_chains
from apikeys.management.long_chains import LongChainMap
from apikeys.models import AuditEvent, chain_ranges
from tests.concurrency import triggers

SYSTEM = Actor.command("test")
Action = AuditEvent.Action


@pytest.fixture(autouse=True)
def _short_ranges(monkeypatch):
    monkeypatch.setattr(chain_ranges, "SIZE", 5)
    monkeypatch.setattr(long_chains, "LONG", 10)


@pytest.fixture
def checked_in(monkeypatch):
    """Return a list that collects the processes that check ranges."""
    processes = []

    def collecting(map_in_processes, check, ranges):
        for process, walk in map_in_processes(partial(with_process, check), ranges):
            processes.append(process)
            yield walk

    real = long_chains.process_map

    @long_chains.contextmanager
    def process_map(jobs, alias):
        with real(jobs, alias) as map_in_processes:
            yield partial(collecting, map_in_processes)

    monkeypatch.setattr(long_chains, "process_map", process_map)
    return processes


def with_process(check, part):
    return os.getpid(), check(part)


def record(organization, count):
    return [
        AuditEvent.objects.record(
            Action.REVOKED,
            organization=organization,
            actor=SYSTEM,
            target=("api_key", "key_1", "CI"),
            reason=f"reason {n}",
        )
        for n in range(count)
    ]


def verify(*arguments):
    """Return the exit code and the answer of the command."""
    out, code = io.StringIO(), 0
    try:
        call_command("verify_audit", "--json", *arguments, stdout=out)
    except SystemExit as end:
        code = end.code
    return code, json.loads(out.getvalue())


def change(sql, *params):
    """Change a row as its database's owner could."""
    triggers("DISABLE")
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
    triggers("ENABLE")


@pytest.mark.postgresql
def test_a_long_chain_is_checked_in_other_processes(committing, acme, checked_in):
    events = record(acme, 23)

    code, told = verify("--jobs", "2", "--expect-head", events[11].hash)

    (chain,) = told["organizations"]
    assert (code, chain["intact"], chain["checked"]) == (0, True, 23)
    assert chain["head"] == events[-1].hash
    assert chain["from"] == events[0].at.isoformat().replace("+00:00", "Z")
    assert chain["expected_head"] == {
        "hash": events[11].hash,
        "sequence": 12,
        "events_after": 11,
        "protects_from": 1,
    }
    assert len(checked_in) == 5
    assert os.getpid() not in checked_in


@pytest.mark.postgresql
def test_a_broken_link_in_a_later_range_is_named(committing, acme):
    record(acme, 23)
    change("UPDATE apikeys_auditevent SET ip = 'x' WHERE sequence = 18")

    code, told = verify("--jobs", "2")

    (chain,) = told["organizations"]
    assert (code, chain["intact"], chain["checked"]) == (1, False, 17)
    assert chain["broken"] == {"sequence": 18, "reason": "was changed"}


@pytest.mark.postgresql
def test_a_process_that_dies_proves_nothing(committing, acme, monkeypatch, capsys):
    record(acme, 23)
    monkeypatch.setattr(chain_ranges, "check", die)

    with pytest.raises(CommandError, match="Nothing is known about the chain"):
        verify("--jobs", "2")

    assert capsys.readouterr().out == ""


def die(part):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.postgresql
def test_an_error_of_a_process_is_an_error(committing, acme, monkeypatch):
    record(acme, 23)
    monkeypatch.setattr(chain_ranges, "check", fail)

    with pytest.raises(ZeroDivisionError):
        verify("--jobs", "2")


def fail(part):
    return part.after / 0


def test_a_transaction_is_checked_in_its_own_process(acme, checked_in):
    """Other processes would not see what it wrote."""
    record(acme, 23)

    assert verify("--jobs", "2")[0] == 0
    assert checked_in == []


@pytest.mark.postgresql
def test_a_short_chain_starts_no_process(committing, acme, checked_in):
    record(acme, 10)

    assert verify("--jobs", "2")[0] == 0
    assert checked_in == []


def test_there_is_a_process_at_least(db):
    with pytest.raises(CommandError, match="at least 1"):
        call_command("verify_audit", "--jobs", "0")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "count", "is_shown"),
    [(Terminal, 20, True), (Terminal, 10, False), (io.StringIO, 20, False)],
)
def test_a_terminal_shows_the_progress_of_a_long_chain(
    acme, monkeypatch, stream, count, is_shown
):
    monkeypatch.setenv("TERM", "xterm")
    record(acme, count)
    stream = stream()

    walk = AuditEvent.objects.walk(acme, map=LongChainMap(map, stream))

    assert walk.events == count
    assert ("20/20" in stream.getvalue()) is is_shown
    assert bool(stream.getvalue()) is is_shown
