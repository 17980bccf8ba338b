"""Warnings about keys: refused requests, and uses from places that are new to them."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import KeyPlace, KeyWarning
from apikeys.models.place import SETTLING
from apikeys.places import CLIENT, MANY_ADDRESSES, Place, pipeline

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
SMOKE, NIGHTLY = pipeline("acme/web", "ci", "smoke"), pipeline("acme/web", "nightly")


@pytest.fixture
def key(issue):
    return issue()[0]


def curl(n):
    return Place(CLIENT, "curl", f"192.0.2.{n}")


def seen(key, place, days_ago):
    KeyPlace.objects.record(key, place, NOW - days_ago * DAY)
    write_buffers.flush()


def warnings(key):
    """Return {kind: days ago} of the key."""
    write_buffers.flush()
    rows = KeyWarning.objects.for_org(key.organization).filter(key=key)
    return {row.kind: round((NOW - row.at) / DAY) for row in rows}


def test_a_key_has_one_row_for_its_refused_requests(key, statements):
    for days in (3, 2, 1):
        key.record_refusal("IP_NOT_ALLOWED", at=NOW - days * DAY)

    with statements() as written:
        KeyWarning.objects.write_pending()
    key.record_refusal("API_KEY_EXPIRED", at=NOW)

    assert [sql.split()[0] for sql in written] == ["INSERT"]
    assert warnings(key) == {"refused": 0}
    assert KeyWarning.objects.get().organization_id == key.organization_id


def test_a_later_place_is_new(key):
    seen(key, SMOKE, 20)
    seen(key, SMOKE, 3)
    before = warnings(key)
    seen(key, NIGHTLY, 2)
    seen(key, NIGHTLY, 1)

    assert before == {}
    assert warnings(key) == {"new-place": 2}


def test_the_latest_of_several_new_places_counts(key):
    seen(key, SMOKE, 20)
    for place, days in ((curl(1), 3), (NIGHTLY, 2)):
        KeyPlace.objects.record(key, place, NOW - days * DAY)

    assert warnings(key) == {"new-place": 2}


def test_the_places_of_the_first_days_are_not_new(key):
    seen(key, SMOKE, 20)
    seen(key, NIGHTLY, 20 - SETTLING.days + 1)
    early = warnings(key)
    seen(key, curl(1), 20 - SETTLING.days)

    assert early == {}
    assert warnings(key) == {"new-place": 20 - SETTLING.days}


def test_a_place_of_the_predecessor_is_not_new_to_its_successor(key):
    seen(key, SMOKE, 30)
    seen(key, NIGHTLY, 30)
    successor, _ = key.rotate(by=Actor.command("test"))
    seen(successor, SMOKE, 20)
    seen(successor, NIGHTLY, 2)
    as_before = warnings(successor)
    seen(successor, curl(1), 1)

    assert as_before == {}
    assert warnings(successor) == {"new-place": 1}


def test_another_address_of_a_client_that_has_many_is_not_new(key):
    for n in range(MANY_ADDRESSES + 1):
        seen(key, curl(n), 20)
    seen(key, curl(100), 2)
    many = warnings(key)
    seen(key, Place(CLIENT, "wget", "192.0.2.1"), 1)

    assert many == {}
    assert warnings(key) == {"new-place": 1}


def test_a_place_and_its_warning_are_written_together(key, monkeypatch):
    seen(key, SMOKE, 20)

    def fail(*args, **kwargs):
        raise ValueError

    monkeypatch.setattr(type(KeyWarning.objects), "store", fail)
    KeyPlace.objects.record(key, NIGHTLY, NOW)

    with pytest.raises(ValueError):  # noqa: PT011, it is ours
        KeyPlace.objects.flush()
    assert KeyPlace.objects.filter(key=key).count() == 1


def test_a_known_place_costs_no_more_statements(key, statements):
    seen(key, SMOKE, 20)
    KeyPlace.objects.record(key, SMOKE, NOW)

    with statements() as run:
        KeyPlace.objects.flush()

    assert not any("keywarning" in sql for sql in run)
