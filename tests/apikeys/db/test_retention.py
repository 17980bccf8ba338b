"""Counts and spent forms are kept for a while."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from apikeys.audit.timeline import REFUSALS_SHOWN_FOR
from apikeys.db.write_buffers import write_buffers
from apikeys.models import KeyPlace, KeyUsage, Refusal, SpentNonce
from apikeys.models.nonce import MAX_AGE
from apikeys.templatetags.apikeys_usage import DAYS

NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAST_DAYS = 31  # that the settings accept
PERISHABLE = [KeyPlace, KeyUsage, Refusal, SpentNonce]


@pytest.fixture
def key(issue):
    return issue()[0]


def make(model, key, age, n=0):
    """Make a row of this age."""
    at = NOW - age
    if model is KeyPlace:
        return KeyPlace.objects.create(
            key=key, digest=f"{age} {n}", first_seen_at=at, last_seen_at=at
        )
    if model is KeyUsage:
        return KeyUsage.objects.create(key=key, day=at.date(), scope=str(n))
    if model is Refusal:
        return Refusal.objects.create(key=key, reason=str(n), minute=at)
    return SpentNonce.objects.create(nonce=f"{age} {n}", key=key, spent_at=at)


@pytest.mark.parametrize("model", PERISHABLE)
def test_a_row_is_deleted_when_its_time_is_over_and_not_before(model, key):
    over = make(model, key, model.objects.retention + DAY)
    kept = make(model, key, model.objects.retention - HOUR)

    assert model.objects.prune(at=NOW) == 1

    assert list(model.objects.all()) == [kept]
    assert over != kept


def test_what_is_shown_is_kept(settings):
    settings.KEEP_REFUSALS_DAYS = settings.KEEP_USAGE_DAYS = LEAST_DAYS

    assert Refusal.objects.retention > REFUSALS_SHOWN_FOR
    assert KeyUsage.objects.retention > timedelta(days=DAYS)


def test_settings_say_how_long_counts_are_kept(key, settings):
    make(Refusal, key, 40 * DAY)
    make(KeyUsage, key, 110 * DAY)
    settings.KEEP_REFUSALS_DAYS, settings.KEEP_USAGE_DAYS = 50, 120

    assert Refusal.objects.prune(at=NOW) == KeyUsage.objects.prune(at=NOW) == 0

    settings.KEEP_REFUSALS_DAYS, settings.KEEP_USAGE_DAYS = 39, 109
    assert Refusal.objects.prune(at=NOW) == KeyUsage.objects.prune(at=NOW) == 1


def test_a_spent_form_is_kept_as_long_as_it_could_be_sent():
    assert SpentNonce.objects.retention >= timedelta(seconds=MAX_AGE)


def test_a_count_that_is_written_takes_old_ones_along(key):
    for n in range(30):
        make(Refusal, key, 40 * DAY, n)
    fresh = make(Refusal, key, DAY)

    Refusal.objects.record(key, "API_KEY_EXPIRED")
    write_buffers.flush()

    left = Refusal.objects.exclude(pk=fresh.pk).exclude(reason="API_KEY_EXPIRED")
    assert left.count() == 10
    assert Refusal.objects.filter(pk=fresh.pk).exists()


def test_a_form_that_is_sent_takes_old_ones_along(key, alice):
    make(SpentNonce, key, 2 * DAY)
    form = {"user": alice, "page": "/new/"}

    spent = SpentNonce.objects.spend(SpentNonce.objects.issue(**form), **form)

    assert list(SpentNonce.objects.all()) == [spent]


def test_a_count_is_kept_when_the_old_ones_cannot_be_deleted(key, caplog):
    def fail(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            raise OperationalError("no")
        return execute(sql, params, many, context)

    make(Refusal, key, 40 * DAY)
    Refusal.objects.record(key, "API_KEY_EXPIRED")
    with transaction.atomic(), connection.execute_wrapper(fail):
        write_buffers.flush()

    assert "Could not prune Refusal" in caplog.text
    assert Refusal.objects.filter(reason="API_KEY_EXPIRED").exists()


@pytest.mark.postgresql
def test_of_four_who_prune_at_once_each_row_is_deleted_by_one(committing, key, at_once):
    for n in range(50):
        make(Refusal, key, 40 * DAY, n)

    deleted = at_once(4, lambda n: Refusal.objects.prune_all(at=NOW))

    assert sum(deleted) == 50
    assert not Refusal.objects.exists()
