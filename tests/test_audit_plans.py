"""Lists of the audit read few events on PostgreSQL, with every combination of filters."""

import re

import pytest

from apikeys.db import label_search
from tests.audit_queries import pages, queries_of_ids_and_times, queries_of_texts
from tests.filled_tables import clean_up, fill_events
from tests.tenants import create_organization, create_user

pytestmark = pytest.mark.postgresql
TABLE = "apikeys_auditevent"
EVENTS = 20_000
# As many of all events are compared with a text as of ten millions would be few.
SCANNED = 500
INDEXES = {
    "actor=user_00000000000zebra": "audit_event_actor_times",
    "key=key_0000000zebra": "audit_event_target_times",
    "action=api_key.suspended": "audit_event_action_times",
    "action=api_key.resumed": "audit_event_action_times",
    "since=2026-01-05T15:00": "audit_event_times",
}


@pytest.fixture(scope="module")
def organization(transaction_of_module):
    """Return an organization with many events of which few are rare, beside another."""
    acme, globex = (
        create_organization(name, create_user(f"olive@{name}.example"), "owner")
        for name in ("acme", "globex")
    )
    fill_events(acme, EVENTS)
    fill_events(globex, EVENTS // 10, all_rare=True)
    for table in (TABLE, "apikeys_auditlabel"):
        clean_up(table)
    return acme


@pytest.fixture(autouse=True)
def _scan_few(monkeypatch):
    monkeypatch.setattr(label_search, "SCANNED", SCANNED)


def test_ids_and_times_in_any_combination_read_few_events(db, organization, rows_read):
    for query in queries_of_ids_and_times():
        read, nodes = rows_read(TABLE, lambda query=query: pages(organization, query))

        # Once to count them and twice to show them. If only a few thousand match,
        # PostgreSQL may also read and sort all of these.
        assert read <= EVENTS // 4, (query, nodes)
        assert not any("Seq Scan" in node for node in nodes), query


def test_texts_in_any_combination_read_few_events(db, organization, rows_read):
    for query in queries_of_texts():
        read, nodes = rows_read(TABLE, lambda query=query: pages(organization, query))

        assert read <= EVENTS // 4, (query, read, nodes)
        assert not any("Seq Scan" in node for node in nodes), (query, nodes)


def test_ids_and_times_are_found_along_their_own_index(db, organization, explained):
    for query, index in INDEXES.items():
        plans = explained(lambda query=query: pages(organization, query))

        assert re.search(rf" (on|using) {index}", plans[0]), (query, plans[0])
        # Those few are sorted, and not looked for in the order of all.
        assert "apikeys_auditevent_pkey" in plans[-1], query
        assert "Sort" in plans[-1], query


def test_many_events_are_read_in_their_order(db, organization, explained):
    for query in ("", "actor=person", "key=service", "action=api_key.created"):
        plans = explained(lambda query=query: pages(organization, query))

        assert not any(" Seq Scan " in plan for plan in plans), query
        assert not any("Sort Key: apikeys" in plan for plan in plans), query
