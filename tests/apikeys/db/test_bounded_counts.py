"""Counts of many querysets in one statement."""

from django.db.models import Q

from apikeys.db import bounded_counts
from apikeys.db.bounded_counts import Count, Scan, count
from apikeys.models import ApiKey


def test_each_scan_has_its_count(acme, globex, issue, statements):
    for scopes in (["flows:read"], ["flows:read"], ["runner:claim"]):
        issue(*scopes)
    issue(organization=globex)
    ours, theirs = (ApiKey.objects.for_org(o).order_by("pk") for o in (acme, globex))
    scans = [Scan(ours), Scan(ours.none()), Scan(theirs), Scan(ours, Q(preset="ci"))]

    with statements() as run:
        counts = count(scans, "default")

    assert [found.number for found in counts] == [3, 0, 1, 0]
    assert all(found.is_exact for found in counts)
    assert len(run) == 1


def test_a_scan_of_too_many_rows_is_a_lower_bound(issue, acme, monkeypatch):
    keys = [issue()[0] for _ in range(3)]
    rows = ApiKey.objects.for_org(acme).order_by("pk")
    monkeypatch.setattr(bounded_counts, "MAX_READ", 2)

    (found,) = count([Scan(rows, Q(pk__in=[keys[0].pk, keys[2].pk]))], "default")

    assert found == Count(1, is_exact=False)
    assert (str(found), str(Count(5000, is_exact=True))) == ("1+", "5,000")


def test_no_scans_need_no_statement(db, statements):
    with statements() as run:
        assert count([Scan(ApiKey.objects.none())], "default") == [Count(0, True)]
        assert count([], "default") == []

    assert run == []
