"""Each number of the posture is that of the rows of the list that it leads to."""

import random
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from apikeys.db import bounded_counts
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.models import (
    ApiKey,
    KeyWarning,
    Refusal,
    ScopeRecording,
    WarningRecording,
)
from apikeys.posture.measures import (
    AGE,
    BROAD,
    EXPIRY,
    LEAKS,
    OWNERLESS,
    PROTECTION,
    SOON,
    TASKS,
    TOTAL,
    USE,
    WARNINGS,
    expiry_weeks,
)
from apikeys.posture.numbers import Posture, bar

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
MEASURES = [TOTAL, *AGE, *EXPIRY, *USE, *WARNINGS, *PROTECTION]
ALLOW_LIST = '{"entries": ["::1"], "networks": ["::1"]}'


def measures():
    return [*MEASURES, *expiry_weeks(timezone.now().date())]


@pytest.fixture(autouse=True)
def _recorded(db):
    for recording in (ScopeRecording, WarningRecording):
        recording.objects.update(began_at=timezone.now() - 500 * DAY)


def listed(organization, measure):
    """Return the number of rows of the list that the measure leads to."""
    form = KeyFilterForm.read(QueryDict(measure.address[1:]), organization=organization)
    assert not form.ignored
    return form.apply(ApiKey.objects.for_org(organization)).count()


def counted(organization):
    return Posture(organization, "default", measures()).counts


def fill(organization, issue, chance, count=40):
    """Issue keys in random states, with random facts."""
    now = timezone.now()

    def maybe(value, odds=0.3):
        return value if chance.random() < odds else None

    for _ in range(count):
        key, _ = issue(organization=organization)
        created_at = now - chance.uniform(0, 420) * DAY
        expires_at = maybe(now + chance.uniform(-30, 130) * DAY, 0.8)
        if expires_at and expires_at <= created_at:
            expires_at = None
        retire_at = maybe(now + chance.uniform(-20, 20) * DAY, 0.2)
        if retire_at and expires_at:
            retire_at = min(retire_at, expires_at)
        ApiKey.objects.filter(pk=key.pk).update(
            created_at=created_at,
            expires_at=expires_at,
            retire_at=retire_at,
            suspended_at=maybe(now, 0.15),
            revoked_at=maybe(now, 0.2),
            leak_reported_at=maybe(now, 0.2),
            owner=maybe(organization.memberships.first().user),
            allow_list=maybe(ALLOW_LIST),
            last_used_at=maybe(now - chance.uniform(0, 120) * DAY, 0.7),
            scopes_used_since=maybe(now - chance.uniform(0, 120) * DAY, 0.7),
        )
        for kind in KeyWarning.Kind.values:
            if chance.random() < 0.5:
                KeyWarning.objects.record(key, kind, now - chance.uniform(0, 14) * DAY)
        if chance.random() < 0.5:
            Refusal.objects.record(
                key, "API_KEY_RETIRED", at=now - chance.uniform(0, 14) * DAY
            )
    KeyWarning.objects.flush()
    Refusal.objects.flush()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("is_frozen", [False, True])
def test_each_number_is_that_of_its_list(acme, globex, issue, seed, is_frozen):
    chance = random.Random(seed)  # noqa: S311, not for secrets
    for organization in (acme, globex):
        fill(organization, issue, chance)
    if is_frozen:
        acme.frozen_at = timezone.now()
        acme.save()

    counts = counted(acme)

    found = {m.address: listed(acme, m) for m in measures()}
    assert {address: count.number for address, count in counts.items()} == found
    assert all(count.is_exact for count in counts.values())
    assert sum(map(bool, found.values())) > 20


def test_no_number_has_keys_of_another_organization(acme, globex, issue):
    fill(globex, issue, random.Random(7))  # noqa: S311

    assert {count.number for count in counted(acme).values()} == {0}


def test_all_numbers_are_one_statement(acme, issue, statements):
    fill(acme, issue, random.Random(7), count=5)  # noqa: S311

    with statements() as run:
        counted(acme)

    assert len(run) <= 4
    assert sum("UNION ALL" in sql for sql in run) == 1


def test_a_number_that_needs_too_many_reads_is_a_lower_bound(acme, issue, monkeypatch):
    for _ in range(6):
        issue()
    monkeypatch.setattr(bounded_counts, "MAX_READ", 4)
    monkeypatch.setattr("apikeys.posture.numbers.MAX_READ", 4)

    counts = counted(acme)

    assert str(counts[TOTAL.address]) == "4+"
    assert str(counts[SOON.address]) == "0"


@pytest.mark.parametrize("revoked_have_owners", [False, True])
def test_many_revoked_keys_do_not_hide_the_others(
    acme, issue, monkeypatch, revoked_have_owners
):
    owner = acme.memberships.first().user if revoked_have_owners else None
    for n in range(7):
        key, _ = issue()
        if n < 5:
            now = timezone.now()
            ApiKey.objects.filter(pk=key.pk).update(revoked_at=now, owner=owner)
    monkeypatch.setattr(bounded_counts, "MAX_READ", 4)

    assert str(counted(acme)[OWNERLESS.address]) == "2"


def test_the_latest_retired_keys_are_read_first(acme, issue, monkeypatch):
    now = timezone.now()
    for days in (30, 20, 10, 1):
        key, _ = issue()
        ApiKey.objects.filter(pk=key.pk).update(retire_at=now - days * DAY)
    Refusal.objects.record(key, "API_KEY_RETIRED", at=now)
    Refusal.objects.flush()
    monkeypatch.setattr(bounded_counts, "MAX_READ", 2)

    assert str(counted(acme)["?status=retired&use=retired"]) == "1+"


def test_what_is_not_recorded_for_long_enough_has_no_number(acme, issue):
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(created_at=timezone.now() - 80 * DAY)
    ScopeRecording.objects.update(began_at=timezone.now() - DAY)

    assert counted(acme)[BROAD.address] is None


def test_the_most_pressing_tasks_come_first(acme, issue):
    for _ in range(2):
        key, _ = issue()
        ApiKey.objects.filter(pk=key.pk).update(
            expires_at=timezone.now() + 2 * DAY, leak_reported_at=timezone.now()
        )
    ApiKey.objects.filter(pk=key.pk).update(leak_reported_at=None)

    tasks = Posture(acme, "default", measures()).tasks()

    assert [task.measure for task in tasks] == [LEAKS, SOON, OWNERLESS]
    assert tasks[0].text == "1 key was reported as leaked and is not revoked."
    assert tasks[1].text == ("2 keys expire within 7 days and are not being rotated.")


def test_each_task_is_about_a_number_of_the_page():
    for measure, *_ in TASKS:
        assert measure in MEASURES


def test_a_single_key_among_many_has_a_bar():
    assert (bar(0, 9), bar(1, 5000), bar(5000, 5000)) == (0, 2, 100)
