"""Selective audit filters read few rows on PostgreSQL."""

import re
from itertools import product
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict

from apikeys.audit.events import choices
from apikeys.db import index_probes, keyset
from apikeys.forms.audit_filters import COUNTED, AuditFilterForm
from apikeys.models import AuditEvent

pytestmark = pytest.mark.postgresql
EVENTS = 20_000
# Exact values are common in another organization, and 900 old events are resumed keys,
# so that statistics mislead.
FILTERS = {
    "actor=zebra": "audit_event_actor_text",
    "actor=nobody": "audit_event_actor_text",
    "actor=user_rarerarerarerare": "audit_event_actor_times",
    "key=zebra": "audit_event_target_text",
    "key=no such key": "audit_event_target_text",
    "key=key_rarerarerare": "audit_event_target_times",
    "action=api_key.suspended": "audit_event_action_times",
    "action=api_key.resumed": "audit_event_action_times",
    "since=2026-01-05T23:00": "audit_event_times",
}
# Of each, one value that is common, one that is rare or old, and none.
ACTIONS = [
    "",
    "api_key.created",
    "api_key.resumed",
    "api_key.suspended",
    "policy.updated",
]
ACTORS = ["", "user_0000000000000015", "user_rarerarerarerare", "user_nobodynobodynobo"]
TARGETS = ["", "key_000000000015", "key_nonenonenone"]
TIMES = [
    {},
    {"since": "2026-01-04T00:00"},
    {"until": "2026-01-02T00:00"},
    {"until": "2025-01-02T00:00"},
    {"since": "2026-01-02T00:00", "until": "2026-01-02T12:00"},
]
FILL = """
    INSERT INTO apikeys_auditevent (organization_id, version, sequence, at, action,
        actor_type, actor_id, actor_label, target_type, target_id, target_label,
        actor_key, target_key, details, ip, user_agent, request_id, prev_hash, hash)
    SELECT %(org)s, 2, n, timestamptz '2026-01-01' + n * interval '20 seconds',
        CASE WHEN rare THEN 'api_key.suspended'
            WHEN n <= 900 AND %(every)s > 1 THEN 'api_key.resumed'
            ELSE 'api_key.created' END,
        'user',
        CASE WHEN rare THEN 'user_rarerarerarerare'
            ELSE 'user_' || lpad((n %% 50)::text, 16, '0') END,
        CASE WHEN n %% 2000 = 0 THEN 'zebra' ELSE 'alice' END || '@acme.example',
        'api_key',
        CASE WHEN rare THEN 'key_rarerarerare' ELSE 'key_' || lpad((n %% 900)::text, 12, '0') END,
        CASE WHEN n %% 2000 = 0 THEN 'zebra' ELSE 'service ' || n %% 900 END,
        CASE WHEN n %% 2000 = 0 THEN 'zebra' ELSE 'alice' END || '@acme.example',
        CASE WHEN n %% 2000 = 0 THEN 'zebra' ELSE 'service ' || n %% 900 END,
        '{}', '', '', '', '', ''
    FROM (SELECT n, n %% %(every)s = 0 AS rare FROM generate_series(1, %(count)s) n) s
"""


@pytest.fixture
def many(acme, globex):
    """Return an organization with many events of which few are rare."""
    with connection.cursor() as cursor:
        for organization, every in ((acme, 2000), (globex, 1)):
            values = {"org": organization.pk, "every": every, "count": EVENTS}
            cursor.execute(FILL, values)
        for index in ("audit_event_actor_text", "audit_event_target_text"):
            # What a vacuum does; until then they are not worth their cost.
            cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [index])
        cursor.execute("ANALYZE apikeys_auditevent")
    return acme


@pytest.fixture
def as_if_larger(many):
    """What a table of a million decides by itself."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")


def form(query):
    form = AuditFilterForm.read(QueryDict(query), actions=choices())
    assert not form.ignored
    return form


def listed(organization, filters):
    """Return the first page."""
    rows = filters.apply(AuditEvent.objects.for_org(organization))
    return keyset.page(rows, filters.order, 50).rows


def test_ids_and_times_in_any_combination_read_few_events(many, rows_read):
    for action, actor, key, times in product(ACTIONS, ACTORS, TARGETS, TIMES):
        values = {"action": action, "actor": actor, "key": key} | times
        query = urlencode({name: value for name, value in values.items() if value})
        filters = form(query)

        def pages(filters=filters):
            rows = filters.apply(AuditEvent.objects.for_org(many))
            first = keyset.page(rows, filters.order, 50)
            if first.after:
                keyset.page(rows, filters.order, 50, after=first.after)

        read, nodes = rows_read("apikeys_auditevent", pages)

        # Of 40,000: to count them, and once or twice to show them. If only a few thousand
        # match, PostgreSQL may also read and sort all of these.
        assert read <= EVENTS // 4, (query, nodes)
        assert not any("Seq Scan" in node for node in nodes), query


def test_each_filter_is_counted_along_its_own_index(many, as_if_larger, explained):
    for query, index in FILTERS.items():
        filters = form(query)

        plans = explained(lambda filters=filters: listed(many, filters))

        assert re.search(rf" (on|using) {index}", plans[0]), query
        assert filters.has_few_matches
        # Those few are sorted, and not looked for in the order of all.
        assert not any("audit_event_sequence_unique" in plan for plan in plans), query


def test_many_are_counted_so_far_only_and_read_in_their_order(
    many, as_if_larger, explained
):
    for query in ("actor=alice", "key=service", "action=api_key.created"):
        filters = form(query)

        plans = explained(lambda filters=filters: listed(many, filters))

        assert filters.matches == "More than 1,000 events match"
        assert plans[0].startswith("Limit "), query
        assert not any(" Seq Scan " in plan for plan in plans), query
        assert "Index Scan Backward" in plans[-1], query


def test_a_common_text_is_looked_for_from_the_end_of_the_times(
    many, as_if_larger, rows_read, monkeypatch
):
    monkeypatch.setattr(index_probes, "MAX_IDS", 50)
    for query in (
        "actor=alice&until=2026-01-02T00:00",
        "key=service&until=2026-01-02T00:00",
    ):
        filters = form(query)

        read, _ = rows_read(
            "apikeys_auditevent", lambda filters=filters: listed(many, filters)
        )

        assert not filters.has_few_matches
        assert read <= 2 * COUNTED, query
