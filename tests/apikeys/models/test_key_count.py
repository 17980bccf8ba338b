"""The counts of keys are exact after every change, on PostgreSQL."""

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey, KeyCount
from apikeys.models import key_count as key_counts

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")


@pytest.fixture
def count(acme):
    """Return a function that returns the stored count, which is the real one."""

    def count():
        stored = KeyCount.objects.of(acme).unrevoked
        assert stored == ApiKey.objects.for_org(acme).unrevoked().count()
        return stored

    return count


def version(organization):
    return KeyCount.objects.of(organization).version


def test_an_organization_without_keys_has_none(count):
    assert count() == 0


def test_the_count_follows_each_change(count, issue, acme, globex):
    first, _ = issue()
    issue(organization=globex)
    assert count() == 1
    second, _ = issue()
    second.rotate(by=SYSTEM)
    assert count() == 3

    first.revoke(by=SYSTEM)
    first.revoke(by=SYSTEM)
    assert count() == 2

    ApiKey.objects.for_org(acme).revoke(by=SYSTEM)
    assert count() == 0
    assert KeyCount.objects.of(globex).unrevoked == 1


def test_rows_that_no_verb_changes_are_counted_too(count, issue, acme):
    key, _ = issue()
    rows = ApiKey.objects.for_org(acme)
    copies = [
        ApiKey(
            **{f.attname: getattr(key, f.attname) for f in key._meta.concrete_fields}
        )
        for _ in range(3)
    ]
    for n, copy in enumerate(copies):
        copy.pk, copy.public_id, copy.name = None, f"{n:012}", f"copy {n}"
    ApiKey.objects.bulk_create(copies)
    assert count() == 4

    rows.update(revoked_at=timezone.now())
    assert count() == 0
    rows.update(revoked_at=None)
    assert count() == 4

    rows._raw_delete("default")
    assert count() == 0


def test_the_version_is_that_of_the_keys_and_their_names(issue, acme):
    key, _ = issue()
    versions = [version(acme)]
    rows = ApiKey.objects.for_org(acme)

    for change in (
        lambda: rows.update(name="renamed"),
        lambda: key.revoke(by=SYSTEM),
        lambda: issue(),
    ):
        change()
        versions.append(version(acme))
    assert versions == sorted(set(versions))

    rows.update(last_used_at=timezone.now(), description="used")
    assert version(acme) == versions[-1]


def test_a_number_is_remembered_until_something_changes(issue, acme, monkeypatch):
    monkeypatch.setattr(key_counts, "MANY", 0)
    issue()
    counted = iter([5, 7])

    for expected in (5, 5):
        stored = KeyCount.objects.of(acme)
        assert stored.remembered("ci", lambda: next(counted)) == expected
    assert stored.remembered("cd", lambda: 6) == 6

    issue()
    assert KeyCount.objects.of(acme).remembered("ci", lambda: next(counted)) == 7
