"""Filters that leave few keys read few, in whatever order, on PostgreSQL."""

import json
import re
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import ProgrammingError, connection
from django.http import QueryDict
from django.utils import timezone

from apikeys.db import index_probes, keyset
from apikeys.forms import key_filters
from apikeys.forms.key_filters import SORTS, KeyFilterForm
from apikeys.forms.people import Creators
from apikeys.models import ApiKey, Refusal, ScopeRecording
from tests.apikeys.filter_indexes import FILTERS
from tests.filled_tables import fill_keys, fill_warnings, people
from tests.query_plans import nodes_of

pytestmark = pytest.mark.postgresql
KEYS = 3000
CREATORS = 6


@pytest.fixture
def many(acme, globex):
    """Return an organization with keys of which few are rare, beside one of others."""
    ScopeRecording.objects.update(began_at=timezone.now() - timedelta(days=200))
    fill_keys(acme, KEYS, people(acme, CREATORS))
    fill_keys(globex, KEYS, people(globex, CREATORS))
    for organization in (acme, globex):
        fill_warnings(organization)
    with connection.cursor() as cursor:
        for index in ("api_key_name_text", "api_key_scopes"):
            # What a vacuum does; until then they are not worth their cost.
            cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [index])
        cursor.execute("ANALYZE apikeys_apikey, apikeys_keywarning")
        # What a table of a million decides by itself.
        cursor.execute("SET LOCAL enable_seqscan = off")
    return acme


def form(organization, query):
    form = KeyFilterForm.read(QueryDict(query), organization=organization)
    assert not form.ignored
    return form


def listed(organization, filters):
    """Return the first page of the list."""
    keys = ApiKey.objects.for_org(organization).with_people(organization)
    rows = filters.listed(keys)
    return keyset.page(rows, filters.order, 50).rows


def test_each_filter_is_tried_along_its_own_index(many, explained):
    for query, index in FILTERS.items():
        filters = form(many, query)

        plans = explained(lambda filters=filters: listed(many, filters))

        # A text is looked for in the first keys of the list before that.
        probes = [plan for plan in plans if "Subquery Scan" not in plan]
        assert any(re.search(rf" (on|using) {index}", plan) for plan in probes), query
        assert filters.has_few_matches or filters.search.few is not None


def test_few_are_sorted_and_not_looked_for_in_the_order(many, explained):
    for sort, _ in SORTS:
        filters = form(many, f"q=zebra&sort={sort}")

        plans = explained(lambda filters=filters: listed(many, filters))

        few = [plan for plan in plans if "(id = ANY (" in plan]
        assert few
        for plan in few:
            assert " Sort " in plan
            assert "api_key_live" not in plan


def test_many_are_read_in_their_order(many, explained, monkeypatch):
    monkeypatch.setattr(index_probes, "MAX_IDS", 50)

    for sort, _ in SORTS:
        for query in ("", "status=active", "scope=flows:read"):
            filters = form(many, f"{query}&sort={sort}")

            plans = explained(lambda filters=filters: listed(many, filters))

            assert not filters.has_few_matches
            assert any("api_key_live" in plan for plan in plans), query
            assert not any(" Seq Scan on apikeys_apikey" in plan for plan in plans)


def test_names_without_the_text_are_skipped_in_the_index(many, explained, monkeypatch):
    monkeypatch.setattr(index_probes, "MAX_IDS", 50)

    for query in ("q=production&sort=name", "status=all&q=production&sort=-name"):
        filters = form(many, query)

        plans = explained(lambda filters=filters: listed(many, filters))

        *found, rows = plans
        assert any(
            re.search("Index Only Scan .*using api_key_live_name", plan)
            for plan in found
        ), query
        assert "api_key_live_name" not in rows, query


def test_a_page_reads_the_windows_and_the_matches_but_no_other_keys(
    many, rows_read, monkeypatch
):
    monkeypatch.setattr(index_probes, "MAX_IDS", 50)
    sizes = (20, 60, 100)
    monkeypatch.setattr(key_filters, "WINDOWS", sizes)

    # In the order that begins with other keys, and with many matches for the planner.
    for query in (
        "expiring=30&sort=-expiry",
        "expiring=30&sort=",
        "q=billing&sort=",
        "q=otter&sort=-used",
        "q=12&sort=",
        "status=all&q=billing&sort=-used",
    ):
        filters = form(many, query)
        matches = filters.apply(ApiKey.objects.for_org(many)).count()

        read, nodes = rows_read("apikeys_apikey", lambda f=filters: listed(many, f))

        # Each match is found, compared, and shown; each probe ends after `MAX_IDS`. With
        # any status, live and revoked keys are searched.
        parts = 2 if "status=all" in query else 1
        assert read <= parts * (2 * sum(sizes) + 101) + 3 * matches, (query, nodes)
        assert not any("Seq Scan" in node for node in nodes), query


def test_keys_of_commands_are_not_looked_for_among_those_of_people(many, rows_read):
    keys = ApiKey.objects.for_org(many).filter(revoked_at=None, created_by=None)
    by_command = keys.exclude(created_by_label__contains="@").count()
    ApiKey.objects.for_org(many).exclude(created_by=None).update(
        created_by=None, created_by_label="gone@example.com"
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE apikeys_apikey")
    filters = form(many, "creator=command")

    read, nodes = rows_read("apikeys_apikey", lambda: listed(many, filters))

    assert filters.has_few_matches
    assert read == 2 * by_command, nodes


def test_retired_keys_in_use_are_found_by_their_refusals(many, explained):
    key = ApiKey.objects.for_org(many).in_status("retired").first()
    Refusal.objects.record(key, "API_KEY_RETIRED")
    Refusal.objects.flush()

    plans = explained(lambda: listed(many, form(many, "status=retired&use=retired")))

    assert len(plans) <= 4
    assert not any(" Seq Scan on apikeys_apikey" in plan for plan in plans)


def test_creators_are_found_without_reading_their_keys_or_all_users(many):
    people(many, 500, "idle")
    found = Creators(many).queryset()

    explained = json.loads(found.explain(analyze=True, format="json"))

    steps = sum(
        max(node["Actual Rows"], 1) * node["Actual Loops"]
        for node in nodes_of(explained[0]["Plan"])
        if node.get("Relation Name") == "apikeys_apikey"
    )
    assert len(found) == CREATORS
    assert steps <= 20


def test_a_role_that_may_not_create_extensions_is_told_what_to_do(db):
    migration = import_module("apikeys.migrations.0006_name_and_scope_indexes")
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE bounded")
        cursor.execute("SET LOCAL ROLE bounded")

    with connection.schema_editor(atomic=False) as editor:
        migration.create_extension(editor, "pg_trgm")  # is there
        with pytest.raises(ProgrammingError, match='run "CREATE EXTENSION unaccent"'):
            migration.create_extension(editor, "unaccent")
