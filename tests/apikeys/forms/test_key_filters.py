"""Each filter of the list of keys changes what the list shows."""

from datetime import timedelta

import pytest
from django import forms
from django.core.exceptions import EmptyResultSet
from django.http import QueryDict
from django.utils import timezone

from apikeys.forms.key_filters import ORDERS, SORTS, KeyFilterForm
from apikeys.forms.policy_queries import KINDS
from apikeys.models import ApiKey, ScopeRecording
from apikeys.templatetags.apikeys_list import FIRST_SORT
from tests.apikeys.filter_indexes import FILTERS as INDEXES

# What the form has besides filters: the order of the rows.
SETTINGS = {"sort"}
TEXT = "some text"
POLICIES = ["counted", "lifetime:80", "lifetime:80,must-expire", "ending:7", "working"]
POLICIES += ["no-own-rate", "other-scopes:ci,flows:read", "unlisted:runner:claim"]
POLICIES += ["no-description", "no-contact", "reviewed"]


@pytest.fixture
def sql(acme):
    """Return a function: the query of a form of the pages, by what is chosen in it."""
    ScopeRecording.objects.update(began_at=timezone.now() - timedelta(days=200))

    def sql(form, **chosen):
        query = QueryDict(mutable=True)
        query.update(chosen)
        read = form.read(query, organization=acme)
        rows = ApiKey.objects.for_org(acme)
        assert not read.ignored, read.ignored
        try:
            return str(read.apply(rows).query)
        except EmptyResultSet:
            return "no rows"

    return sql


def choices(field):
    """Yield the values of a field of choices, those in groups too, without the first."""
    for value, label in field.choices:
        nested = isinstance(label, (list, tuple))
        yield from (inner for inner, _ in label) if nested else [value]


def samples(name, field):
    """Return values for the field that the form takes."""
    if name == "policy":
        return POLICIES
    if name == "expires":
        return ["2030-01-01..2030-01-07"]
    if isinstance(field, forms.ChoiceField):
        return [value for value in choices(field) if value]
    return [TEXT]


def test_each_field_of_a_filter_form_has_its_query(acme, sql, monkeypatch):
    form = KeyFilterForm
    monkeypatch.setattr(
        "apikeys.db.index_probes.MAX_IDS", -1
    )  # always by conditions, not ids

    unfiltered = sql(form)

    for name, field in form({}, organization=acme).fields.items():
        if name in SETTINGS:
            continue
        for value in samples(name, field):
            assert sql(form, **{name: value}) != unfiltered, (
                f"{form.__name__} offers {name}={value}, and shows the same rows with"
                " it. Give the field a query (ChoiceFilter and TextFilter in"
                " apikeys/forms/key_filters.py take one), or name it in SETTINGS here if it is no"
                " filter."
            )


def test_each_filter_is_probed_on_an_index(acme):
    fields = set(KeyFilterForm({}, organization=acme).fields) - SETTINGS

    assert {query.partition("=")[0] for query in INDEXES} == fields, (
        "Add a value of the filter that few keys match, and its index, to FILTERS in"
        " tests/apikeys/filter_indexes.py."
    )


def test_each_kind_of_policy_filter_is_tested():
    assert {value.partition(":")[0] for value in POLICIES} == set(KINDS)


def test_each_sort_has_its_order_and_each_column_a_sort():
    sorts = {name for name, _ in SORTS if name} | {"-created"}  # the first is unnamed
    both_ways = {f"{sign}{name}" for name in ORDERS for sign in ("", "-")}

    assert sorts == both_ways, (
        "Keep SORTS and ORDERS in apikeys/forms/key_filters.py alike."
    )
    assert set(FIRST_SORT) == set(ORDERS), (
        "Say in FIRST_SORT (apikeys/templatetags/apikeys_list.py) how a column of each of"
        " ORDERS is sorted at first."
    )
    assert set(FIRST_SORT.values()) <= both_ways
