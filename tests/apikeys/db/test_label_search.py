"""A search for texts in labels finds the same events in the same order as a plain filter."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.http import QueryDict

from apikeys.actors import Actor
from apikeys.audit.events import choices
from apikeys.db import keyset, label_search
from apikeys.forms import audit_filters
from apikeys.forms.audit_filters import AuditFilterForm
from apikeys.models import AuditEvent

EVENTS = 40
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TEXTS = {
    "": {"key": ""},
    "common": {"key": "service"},
    "rare": {"key": "zebra"},
    "in the oldest": {"key": "fossil"},
    "in the newest": {"key": "new"},
    "none": {"key": "nothing"},
    "nothing to fold": {"key": "\u200b"},
    "an id": {"key": "key_3"},
    "of an actor": {"actor": "bob"},
    "of both": {"actor": "bob", "key": "service"},
    "of both, and rare": {"actor": "bob", "key": "zebra"},
    "with an action": {"actor": "bob", "action": "api_key.revoked"},
    "until a time": {"key": "service", "until": "2026-01-05T11:45"},
}


@pytest.fixture
def events(acme, globex, monkeypatch):
    """Events of few labels, two at each time, of which a search compares few."""
    monkeypatch.setattr(label_search, "SCANNED", 12)
    monkeypatch.setattr(label_search, "COMMON", 4)
    monkeypatch.setattr(audit_filters, "COUNTED", 8)
    for n in range(EVENTS):
        name = "zebra" if n % 13 == 7 else "fossil" if n < 14 else "service"
        for organization in (acme, globex)[: 1 + (n % 5 == 0)]:
            AuditEvent.objects.record(
                "api_key.revoked" if n % 3 else "api_key.renamed",
                organization=organization,
                actor=Actor("user", f"user_{n % 4}", "bob" if n % 4 else "al", "page"),
                target=("api_key", f"key_{n % 7}", f"{name} {n % 2}{'new' * (n > 34)}"),
                at=NOON - timedelta(minutes=(EVENTS - n) // 2),
            )
    return AuditEvent.objects.for_org(acme)


def filtered(organization, query):
    data = QueryDict(mutable=True)
    data.update(query)
    return AuditFilterForm.read(data, organization=organization, actions=choices())


def page(organization, query, **place):
    filters = filtered(organization, query)
    rows = filters.listed(AuditEvent.objects.for_org(organization))
    return keyset.page(rows, filters.order, 5, **place)


def expected(organization, query):
    """Return the ids that plain filters find, newest first."""
    filters = filtered(organization, query)
    rows = AuditEvent.objects.for_org(organization)
    rows = filters.matching(rows, audit_filters.QUERIES)
    return list(rows.order_by("-at", "-pk").values_list("pk", flat=True))


def ids(rows):
    return [row.pk for row in rows]


def all_pages(organization, query):
    pages = [page(organization, query)]
    while pages[-1].after:
        pages.append(page(organization, query, after=pages[-1].after))
    return pages


def test_pages_hold_all_matching_events_in_order(events, acme):
    for name, query in TEXTS.items():
        found = [pk for shown in all_pages(acme, query) for pk in ids(shown.rows)]

        assert found == expected(acme, query), name


def test_pages_are_the_same_backwards(events, acme):
    for name, query in TEXTS.items():
        for earlier, later in pairwise(all_pages(acme, query)):
            before = page(acme, query, before=later.before)

            assert ids(before.rows) == ids(earlier.rows), name


def test_a_count_says_when_it_is_not_exact(events, acme):
    said = set()
    for name, query in TEXTS.items():
        filters = filtered(acme, query)
        filters.listed(events)

        count = len(expected(acme, query))
        words = filters.matches.split()[:2] or ["", ""]
        said.add(words[0])
        if words[0] == "At":
            assert 0 < filters.count <= count, name
        elif words[0] == "More":
            assert count > 8, name
        elif words[0]:
            assert int(words[0]) == count <= 8, name
    assert {"At", "More", "0"} < said


def test_an_export_has_the_same_events(events, acme):
    for name, query in TEXTS.items():
        rows = filtered(acme, query).apply(events)

        assert ids(rows.order_by("-at", "-pk")) == expected(acme, query), name
