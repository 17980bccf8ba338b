"""Counts and spent forms are kept for a while, the audit for good."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from apikeys.history import REFUSALS_SHOWN_FOR
from apikeys.models import AuditEvent, KeyPlace, KeyUsage, Refusal, SpentNonce
from apikeys.models.counts import flusher
from apikeys.models.nonce import MAX_AGE
from apikeys.templatetags.apikeys_usage import DAYS

NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
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
    over = make(model, key, model.objects.kept_for + DAY)
    kept = make(model, key, model.objects.kept_for - HOUR)

    assert model.objects.prune(at=NOW) == 1

    assert list(model.objects.all()) == [kept]
    assert over != kept


def test_what_is_shown_is_kept():
    assert Refusal.objects.kept_for > REFUSALS_SHOWN_FOR
    assert KeyUsage.objects.kept_for > timedelta(days=DAYS)


def test_a_spent_form_is_kept_as_long_as_it_could_be_sent():
    assert SpentNonce.objects.kept_for >= timedelta(seconds=MAX_AGE)


def test_a_count_that_is_written_takes_old_ones_along(key):
    for n in range(30):
        make(Refusal, key, 40 * DAY, n)
    fresh = make(Refusal, key, DAY)

    Refusal.objects.record(key, "API_KEY_EXPIRED")
    flusher.flush()

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
        flusher.flush()

    assert "Could not prune Refusal" in caplog.text
    assert Refusal.objects.filter(reason="API_KEY_EXPIRED").exists()


def test_the_command_deletes_all_that_is_over_and_no_audit(key, capsys, monkeypatch):
    monkeypatch.setattr("apikeys.models.retention.BATCH", 2)
    for n in range(5):
        for model in PERISHABLE:
            make(model, key, model.objects.kept_for + DAY, n)
    events = AuditEvent.objects.count()

    call_command("prune", "--json")

    assert capsys.readouterr().out.split() == (
        ["{", '"spent_forms":', "5,", '"refusals":', "5,", '"key_usage":', "5,"]
        + ['"key_places":', "5,", '"sessions":', "0", "}"]
    )
    assert AuditEvent.objects.count() == events
    call_command("prune")
    assert capsys.readouterr().out == (
        "Deleted 0 forms that were sent, 0 counts of refused requests, 0 counts of use,"
        " 0 places of use, 0 sessions.\n"
    )


@pytest.mark.django_db
def test_pruning_deletes_sessions_that_have_ended_and_no_others(capsys):
    for key, ends in (("ended", -HOUR), ("open", HOUR)):
        at = timezone.now() + ends
        Session.objects.create(session_key=key, session_data="x", expire_date=at)

    call_command("prune", "--json")

    assert json.loads(capsys.readouterr().out)["sessions"] == 1
    assert Session.objects.get().session_key == "open"


@pytest.mark.postgresql
def test_of_four_who_prune_at_once_each_row_is_deleted_by_one(committing, key, at_once):
    for n in range(50):
        make(Refusal, key, 40 * DAY, n)

    deleted = at_once(4, lambda n: Refusal.objects.prune_all(at=NOW))

    assert sum(deleted) == 50
    assert not Refusal.objects.exists()
