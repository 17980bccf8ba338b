"""Encrypted text in the database and in memory, and its decryption errors."""

import copy
import json
import pickle

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection
from django.forms import modelform_factory

from echopoint.environments.encrypted_text import EncryptedText, encrypted_fields
from echopoint.environments.keyring import DecryptionError
from echopoint.environments.models import Variable

TEXT = "canary-7f3a"


@pytest.fixture
def variable(put):
    return put("token", TEXT, secret=True)


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM environments_variable")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("text", [TEXT, "", "é\u2028\U0001f600", "x" * 65_536])
def test_a_text_is_unchanged_after_encryption_and_decryption(text):
    assert EncryptedText.of(text).decrypt() == text


def test_the_database_contains_no_plain_text(variable):
    assert TEXT not in stored()
    assert Variable.objects.get().value.decrypt() == TEXT


def test_equal_texts_have_different_ciphertexts():
    assert EncryptedText.of(TEXT) != EncryptedText.of(TEXT)


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format])
def test_an_encrypted_text_prints_as_a_mask(show):
    assert show(EncryptedText.of(TEXT)) == "***"


def test_an_instance_never_contains_the_plain_text():
    variable = Variable(value=TEXT)
    made = str(vars(variable))
    variable.value = TEXT + "2"

    for shown in (made, str(vars(variable)), str(pickle.dumps(variable))):
        assert TEXT not in shown
    assert copy.deepcopy(variable).value.decrypt() == TEXT + "2"


def test_a_json_serializer_refuses_it(variable):
    with pytest.raises(TypeError):
        json.dumps(vars(variable)["value"])


def test_a_bulk_update_is_encrypted_too(variable):
    Variable.objects.update(value="second")
    assert "second" not in stored()
    assert Variable.objects.get().value.decrypt() == "second"

    variable.value = "third"
    Variable.objects.bulk_update([variable], ["value"])

    assert "third" not in stored()
    assert Variable.objects.get().value.decrypt() == "third"


def test_a_deferred_value_is_loaded_when_it_is_needed(variable):
    assert Variable.objects.defer("value").get().value.decrypt() == TEXT


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


def test_a_row_is_found_by_its_ciphertext(variable):
    old = Variable.objects.get().value

    assert Variable.objects.filter(value=old).count() == 1
    assert Variable.objects.filter(value=EncryptedText.of(TEXT)).count() == 0


def test_a_fixture_contains_the_ciphertext(variable):
    written = serializers.serialize("json", Variable.objects.all())
    Variable.objects.all().delete()

    for row in serializers.deserialize("json", written):
        row.save()

    assert TEXT not in written
    assert Variable.objects.get().value.decrypt() == TEXT


def test_validation_does_not_change_an_encrypted_text(variable):
    variable.full_clean()

    assert variable.value.decrypt() == TEXT


def test_forms_omit_it():
    form = modelform_factory(Variable, fields=["key", "value"])

    assert list(form.base_fields) == ["key"]


def test_the_first_key_encrypts_and_all_of_them_decrypt(encryption_keys, settings):
    before = EncryptedText.of(TEXT)
    new = encryption_keys()
    after = EncryptedText.of(TEXT)

    assert before.decrypt() == after.decrypt() == TEXT
    settings.ENCRYPTION_KEYS = new
    assert after.decrypt() == TEXT
    with pytest.raises(DecryptionError):
        before.decrypt()


def test_a_missing_key_is_named_and_nothing_is_shown(encryption_keys, settings):
    sealed = EncryptedText.of(TEXT)
    settings.ENCRYPTION_KEYS = encryption_keys()

    with pytest.raises(DecryptionError, match="Put that key back") as caught:
        sealed.decrypt()

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
def test_the_error_of_a_damaged_value_does_not_contain_it(damage):
    damaged = EncryptedText(damage(EncryptedText.of(TEXT).ciphertext))

    with pytest.raises(DecryptionError, match="damaged") as caught:
        damaged.decrypt()

    assert TEXT not in str(caught.value)
    assert caught.value.__cause__ is None


def test_encrypted_columns_are_found():
    assert (Variable, Variable._meta.get_field("value")) in encrypted_fields()
