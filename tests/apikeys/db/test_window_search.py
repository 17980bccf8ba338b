"""A search in windows finds the keys that plain filters find, in the same order."""

import random
from datetime import timedelta

import pytest
from django.db.models import F
from django.http import QueryDict
from django.utils import timezone

from apikeys.db import index_probes, keyset, window_search
from apikeys.forms import key_filters
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.models import ApiKey, ScopeRecording
from tests.api_client import ApiClient

pytestmark = pytest.mark.slow

KEYS = 42
SIZE = 6
WINDOWS = {
    "WINDOWS": (3, 8, 20),
    "WINDOWS_BY_NAME": (3, 8, 30),
    "COVERED_WINDOWS": (3, 8, window_search.ALL),
}
QUERIES = [
    *("q=web", "q=zebra", "q=10", "q=-", "q=nothing", "q=rare&status=all"),
    *(
        "status=all&scope=flows:read",
        "expiring=30&q=web",
        "policy=counted",
        "use=never",
    ),
]
ORDERS = ("", "-name", "expiry", "-used", "scopes")
COLUMNS = ("id", "name", "created_at", "last_used_at")


@pytest.fixture(params=[0, 5000])
def few(request, monkeypatch):
    """Set how many keys are few, and windows in which few keys are."""
    monkeypatch.setattr(index_probes, "MAX_IDS", request.param)
    for name, sizes in WINDOWS.items():
        monkeypatch.setattr(window_search, name, sizes)
        if hasattr(key_filters, name):
            monkeypatch.setattr(key_filters, name, sizes)
    return request.param


@pytest.fixture
def keys(acme, globex, issue):
    """Keys of two organizations at random times, with common, rare and old names."""
    draw = random.Random(5)  # noqa: S311, the same keys in each run
    now = timezone.now()
    ScopeRecording.objects.update(began_at=now - timedelta(days=200))
    rows = []
    for n in range(KEYS):
        name = "zebra" if n % 19 == 7 else "rare old" if n < 9 else f"web-{n % 3}"
        created = now - timedelta(days=draw.randrange(20))
        times = {
            "created_at": created,
            "expires_at": draw.choice([None, now + timedelta(days=n)]),
            "last_used_at": draw.choice([None, created + timedelta(hours=n % 4)]),
        }
        if times["expires_at"] and times["expires_at"] <= created:
            times["expires_at"] = None
        kinds = [{}, {}, {"suspended_at": now}, {"revoked_at": now}]
        rows.append(
            ApiKey(
                organization=globex if n % 7 == 3 else acme,
                public_id=f"{draw.randrange(16**12):012x}",
                name=f"{name} {n}",
                scopes=draw.choice([["flows:read"], ["flows:execute"]]),
                digest=f"{n:064}",
                pepper_version=1,
                created_by_label=draw.choice(["command x", "al@acme.example"]),
                **times,
                **draw.choice(kinds),
            )
        )
    ApiKey.objects.bulk_create(rows)
    return ApiKey.objects.for_org(acme)


def read(organization, query):
    filters = KeyFilterForm.read(QueryDict(query), organization=organization)
    assert not filters.ignored
    return filters


def listed(keys, organization, query):
    """Return the ids of all pages from the first to the last, and of those back from there."""

    def page(**place):
        filters = read(organization, query)
        rows = filters.listed(keys.with_people(organization))
        return keyset.page(rows, filters.order, SIZE, **place)

    pages = [page()]
    while pages[-1].after:
        pages.append(page(after=pages[-1].after))
    back = [pages[-1]]
    while back[-1].before:
        back.append(page(before=back[-1].before))
    forth, back = (
        [key.pk for page in walked for key in page.rows]
        for walked in (pages, back[::-1])
    )
    return forth, back


def expected(keys, organization, query):
    """Return the ids of the matching keys, sorted in Python."""
    filters = read(organization, query)
    order = filters.order
    rows = filters.apply(keys).annotate(value=order.value).values_list("value", "pk")
    valued = sorted(
        (row for row in rows if row[0] is not None), reverse=order.descending
    )
    others = sorted(
        (pk for value, pk in rows if value is None), reverse=order.descending
    )
    return [pk for _, pk in valued] + others


@pytest.mark.parametrize("query", QUERIES)
def test_pages_have_the_keys_that_plain_filters_find(keys, acme, few, query):
    for sort in ORDERS:
        sorted_query = f"{query}&sort={sort}"

        forth, back = listed(keys, acme, sorted_query)

        assert forth == expected(keys, acme, sorted_query), sort
        # A page that would begin before the first key is the first page, so that keys of
        # the next may be repeated.
        assert list(dict.fromkeys(back)) == forth, sort


@pytest.mark.parametrize("text", ["", "web", "zebra", "1"])
def test_searches_of_the_api_find_the_same_keys(keys, acme, alice, few, text):
    client = ApiClient(acme, user=alice)
    after = (timezone.now() - timedelta(days=15)).isoformat()
    for rules in ({}, {"last_used_after": after}):
        for column in COLUMNS:
            for direction in ("ASC", "DESC"):
                ids = searched(client, text, rules, column, direction)

                found = unpaged(keys, text, rules, column, direction == "DESC")
                assert ids == found, (rules, column, direction)


def searched(client, text, rules, column, direction):
    """Return the ids of all pages of a search."""
    ids, total = [], 1
    while len(ids) < total:
        body = {
            "full_text_search": text,
            "filter": rules,
            "sort_by": column,
            "sort_direction": direction,
            "pagination": {"offset": len(ids), "limit": SIZE},
        }
        response = client.post("/api-keys/search", body)
        assert response.status_code == 200, response.content
        page, total = response.json()["items"], response.json()["total"]
        assert page or total == len(ids)
        ids += [item["id"] for item in page]
    return ids


def unpaged(keys, text, rules, column, descending):
    """Return the ids of the keys that Python finds and sorts."""
    name = {"id": "public_id", "name": "name_key"}.get(column, column)
    found = [
        (getattr(key, name), key.pk, key.rest_id)
        for key in keys.unrevoked()
        if (text in key.name or key.public_id.startswith(text))
        and (
            "last_used_after" not in rules
            or (
                key.last_used_at
                and key.last_used_at.isoformat() >= rules["last_used_after"]
            )
        )
    ]
    valued = sorted((row for row in found if row[0] is not None), reverse=descending)
    others = sorted((row[1:] for row in found if row[0] is None), reverse=descending)
    return [row[-1] for row in (*valued, *others)]


def test_a_window_is_the_first_rows_of_the_order(keys, acme):
    rows = keys.unrevoked().annotate(sort_value=F("name_key"))
    rows = rows.order_by("-sort_value", "-pk")

    names = list(rows.values_list("name", flat=True))

    for size in (1, 7):
        window = window_search.window(rows, size)
        found = window.filter(name__contains="web").values_list("name", flat=True)
        assert list(found) == [name for name in names[:size] if "web" in name]
