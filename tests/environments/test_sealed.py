"""Sealed text: in the database, in memory, and when it cannot be opened."""

import copy
import json
import pickle

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection
from django.forms import modelform_factory

from echopoint.environments.keyring import Unreadable
from echopoint.environments.models import Variable
from echopoint.environments.sealed import Sealed, sealed_fields

TEXT = "canary-7f3a"


@pytest.fixture
def variable(put):
    return put("token", TEXT, secret=True)


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM environments_variable")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("text", [TEXT, "", "é\u2028\U0001f600", "x" * 65_536])
def test_a_sealed_text_is_revealed_as_it_was(text):
    assert Sealed.of(text).reveal() == text


def test_the_database_has_no_text_in_the_open(variable):
    assert TEXT not in stored()
    assert Variable.objects.get().value.reveal() == TEXT


def test_one_text_is_sealed_differently_each_time():
    assert Sealed.of(TEXT) != Sealed.of(TEXT)


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format])
def test_whoever_prints_a_sealed_text_sees_a_mask(show):
    assert show(Sealed.of(TEXT)) == "***"


def test_an_instance_never_holds_the_text_in_the_open():
    variable = Variable(value=TEXT)
    made = str(vars(variable))
    variable.value = TEXT + "2"

    for shown in (made, str(vars(variable)), str(pickle.dumps(variable))):
        assert TEXT not in shown
    assert copy.deepcopy(variable).value.reveal() == TEXT + "2"


def test_no_careless_serializer_gets_it(variable):
    with pytest.raises(TypeError):
        json.dumps(vars(variable)["value"])


def test_a_bulk_change_is_sealed_too(variable):
    Variable.objects.update(value="second")
    assert "second" not in stored()
    assert Variable.objects.get().value.reveal() == "second"

    variable.value = "third"
    Variable.objects.bulk_update([variable], ["value"])

    assert "third" not in stored()
    assert Variable.objects.get().value.reveal() == "third"


def test_a_deferred_value_is_loaded_when_it_is_needed(variable):
    assert Variable.objects.defer("value").get().value.reveal() == TEXT


@pytest.mark.parametrize(
    "rule",
    [
        {"value": TEXT},
        {"value__in": [TEXT]},
        {"value__contains": TEXT},
        {"value__startswith": TEXT},
        {"value__regex": TEXT},
        {"value__gt": TEXT},
    ],
)
def test_a_search_for_a_text_fails_instead_of_finding_nothing(db, rule):
    with pytest.raises((TypeError, FieldError)):
        Variable.objects.filter(**rule)


def test_a_row_is_found_by_what_is_stored(variable):
    old = Variable.objects.get().value

    assert Variable.objects.filter(value=old).count() == 1
    assert Variable.objects.filter(value=Sealed.of(TEXT)).count() == 0


def test_a_fixture_holds_what_the_column_holds(variable):
    written = serializers.serialize("json", Variable.objects.all())
    Variable.objects.all().delete()

    for row in serializers.deserialize("json", written):
        row.save()

    assert TEXT not in written
    assert Variable.objects.get().value.reveal() == TEXT


def test_validation_leaves_a_sealed_text_as_it_is(variable):
    variable.full_clean()

    assert variable.value.reveal() == TEXT


def test_no_form_asks_for_it():
    form = modelform_factory(Variable, fields=["key", "value"])

    assert list(form.base_fields) == ["key"]


def test_the_first_key_seals_and_all_of_them_open(encryption_keys, settings):
    before = Sealed.of(TEXT)
    new = encryption_keys()
    after = Sealed.of(TEXT)

    assert before.reveal() == after.reveal() == TEXT
    settings.ENCRYPTION_KEYS = new
    assert after.reveal() == TEXT
    with pytest.raises(Unreadable):
        before.reveal()


def test_a_missing_key_is_named_and_nothing_is_shown(encryption_keys, settings):
    sealed = Sealed.of(TEXT)
    settings.ENCRYPTION_KEYS = encryption_keys()

    with pytest.raises(Unreadable, match="Put that key back") as caught:
        sealed.reveal()

    label, _, token = sealed.ciphertext.partition(":")
    assert label in str(caught.value)
    assert token not in str(caught.value)
    assert settings.ENCRYPTION_KEYS not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: TEXT,
        lambda stored: f"{TEXT}:{TEXT}",
        lambda stored: "",
        lambda stored: stored[:-4],
        lambda stored: stored[:40] + ("A" if stored[40] != "A" else "B") + stored[41:],
        lambda stored: stored.partition(":")[2],
        lambda stored: stored[:9] + "\N{SNOWMAN}",
    ],
)
def test_what_is_damaged_is_refused_without_repeating_it(damage):
    damaged = Sealed(damage(Sealed.of(TEXT).ciphertext))

    with pytest.raises(Unreadable, match="damaged") as caught:
        damaged.reveal()

    assert TEXT not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_columns_of_sealed_text_are_found():
    assert (Variable, Variable._meta.get_field("value")) in sealed_fields()
