"""An export goes on with the primary if the replica fails, before or in the middle of it."""

import json

import pytest
from django.db import OperationalError

from apikeys.actors import Actor
from apikeys.audit.export import as_csv, as_ndjson
from apikeys.audit.exported_file import check
from apikeys.models import AuditEvent
from apikeys.models.audit_chain import EventQuerySet
from echopoint.core.replica.servers import PRIMARY, REPLICA


@pytest.fixture
def events(issue, acme):
    """Return ten events; their file is a chain."""
    key, _ = issue()
    for _ in range(4):
        key.suspend(by=Actor.command("test"))
        key.resume(by=Actor.command("test"))
    return AuditEvent.objects.for_org(acme).order_by("sequence")


@pytest.fixture
def fail_after(monkeypatch):
    """Return a function that lets a database fail after so many events."""
    rows = EventQuerySet.rows

    def fail_after(count, database=REPLICA):
        def failing(self):
            for number, row in enumerate(rows(self)):
                if self.db == database and number == count:
                    raise OperationalError("the server closed the connection")
                yield row

        monkeypatch.setattr(EventQuerySet, "rows", failing)

    return fail_after


@pytest.mark.parametrize("count", [0, 1, 5, 9])
@pytest.mark.parametrize("lines", [as_csv, as_ndjson])
def test_the_file_is_the_same(replica, events, fail_after, count, lines):
    expected = list(lines(events))

    fail_after(count)

    assert list(lines(events.using(REPLICA))) == expected
    assert len(expected) >= 10


def test_the_file_verifies(replica, events, fail_after, acme):
    fail_after(5)

    lines = [line.encode() for line in as_ndjson(events.using(REPLICA))]

    walk = check(lines)[acme.pk]
    assert (walk.broken, walk.events) == (None, len(lines))
    assert json.loads(lines[-1])["hash"] == events.last().hash


def test_a_failure_of_the_primary_is_raised(replica, events, fail_after):
    fail_after(5, PRIMARY)

    with pytest.raises(OperationalError):
        list(as_ndjson(events.using(PRIMARY)))
