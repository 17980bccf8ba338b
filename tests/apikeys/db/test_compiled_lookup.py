"""The one query of the hot path."""

import gc
import weakref

import pytest
from django.db import connection, connections

from apikeys.actors import Actor
from apikeys.db.compiled_lookup import CompiledLookup
from apikeys.models import ApiKey
from echopoint.core.client_metadata import Client


@pytest.fixture
def lookup():
    queryset = ApiKey._base_manager.select_related("organization")
    return CompiledLookup(queryset, "public_id")


def values(instance):
    return {f.attname: getattr(instance, f.attname) for f in instance._meta.fields}


@pytest.fixture
def key(issue, alice):
    """A key with a value in every column."""
    person = Actor.person(alice, via="api", is_fresh=True)
    parent, _ = issue()
    key, _ = issue("flows:read", "flows:execute", by=person, description="“é” \\ '")
    key.record_use(Client("2001:db8::1", "curl", "", "GET /flows"))
    ApiKey.objects.filter(pk=key.pk).update(
        rotated_from=parent,
        retire_at=key.expires_at,
        overlap_ends_at=key.expires_at,
        suspended_at=key.created_at,
        allow_list="[]",
        leak_reported_at=key.created_at,
        scopes_used_since=key.created_at,
        requests_per_minute=40,
    )
    key.revoke(by=person, reason="a test")
    return key


def test_the_row_is_the_orms_field_by_field(lookup, key):
    found = lookup(key.public_id)
    expected = ApiKey.objects.select_related("organization").get(pk=key.pk)

    assert values(found) == values(expected)
    assert None not in values(found).values()
    assert [type(v) for v in values(found).values()] == [
        type(v) for v in values(expected).values()
    ]
    assert values(found.organization) == values(expected.organization)


def test_a_row_of_nulls_is_the_orms_too(lookup, issue):
    key, _ = issue()

    assert values(lookup(key.public_id)) == values(ApiKey.objects.get(pk=key.pk))


def test_the_row_is_a_saved_one_of_its_database(lookup, key):
    found = lookup(key.public_id)

    for row in (found, found.organization):
        assert row._state.db == "default"
        assert not row._state.adding
    assert found.get_deferred_fields() == set()
    assert found == key


def test_row_and_organization_come_in_one_query(lookup, key, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = lookup(key.public_id)
        assert found.organization.name == "Acme"


def test_fields_that_are_left_out_are_deferred(key):
    queryset = ApiKey._base_manager.select_related("organization")
    lookup = CompiledLookup(
        queryset.only("public_id", "retire_at", "organization__name"), "public_id"
    )
    expected = queryset.get(pk=key.pk)

    found = lookup(key.public_id)

    assert found.get_deferred_fields() == {
        field.attname for field in ApiKey._meta.concrete_fields
    } - {"id", "public_id", "retire_at", "organization_id"}
    assert "requests_per_minute" in found.organization.get_deferred_fields()
    assert values(found) == values(expected)
    assert values(found.organization) == values(expected.organization)


def test_every_call_queries_the_database(lookup, key, django_assert_num_queries):
    lookup(key.public_id)
    ApiKey.objects.filter(pk=key.pk).update(name="renamed")

    with django_assert_num_queries(1):
        assert lookup(key.public_id).name == "renamed"


@pytest.mark.parametrize(
    "value", ["", "nobody", "?", "%s", "%", "' OR 1=1 --", "x" * 10_000]
)
def test_no_row_is_none_and_the_value_is_only_a_value(lookup, key, value):
    assert lookup(value) is None
    assert lookup(key.public_id) == key


def test_each_value_finds_its_own_row(lookup, issue):
    keys = [issue()[0] for _ in range(3)]

    assert [lookup(key.public_id) for key in keys] == keys


@pytest.mark.postgresql
def test_every_thread_finds_the_row_through_its_own_connection(
    committing, lookup, issue, at_once
):
    key, _ = issue()
    expected = values(lookup(key.public_id))

    found = at_once(8, lambda n: [values(lookup(key.public_id)) for _ in range(5)])

    assert found == [[expected] * 5] * 8


@pytest.mark.postgresql
def test_a_new_connection_is_found_after_the_old_one_was_closed(
    committing, lookup, issue
):
    key, _ = issue()
    assert lookup(key.public_id) == key

    connection.close()

    assert lookup(key.public_id) == key


@pytest.mark.postgresql
def test_a_connection_that_is_gone_is_not_kept(committing, lookup, at_once):
    def look_up(n):
        lookup("nobody")
        return weakref.ref(connections["default"])

    gone = at_once(3, look_up)
    gc.collect()

    assert [connection() for connection in gone] == [None] * 3
