"""Requests of a key per day and scope."""

from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Sum
from django.utils import timezone

from apikeys.db.write_buffers import CountingManager

NO_SCOPE = ""  # the request needed no scope, or was refused before scopes were checked


class Day(NamedTuple):
    """The requests of a key on one day."""

    day: object
    allowed: int
    refused: int


class KeyUsageManager(CountingManager):
    """Counts requests: one row per key, day (UTC) and scope."""

    date_field = "day"

    def __init__(self):
        super().__init__(("key", "day", "scope"), ("allowed", "refused"))

    @property
    def retention(self):
        return timedelta(days=settings.KEEP_USAGE_DAYS)

    def allow(self, key, scopes, at=None):
        """Count an allowed request, once for each scope that it needed."""
        self._count(key, scopes, (1, 0), at)

    def refuse(self, key, scopes=(), at=None):
        """Count a refused request, once for each scope that it lacked."""
        self._count(key, scopes, (0, 1), at)

    def _count(self, key, scopes, sums, at):
        day = (at or timezone.now()).date()
        for scope in scopes or (NO_SCOPE,):
            self.add((key.pk, day, scope), sums)

    def daily(self, key, *, days, until):
        """Return a `Day` for each of the last `days` to the date `until`, oldest first."""
        first = until - timedelta(days=days - 1)
        rows = self.filter(key=key, day__range=(first, until)).values("day")
        counted = {
            row["day"]: Day(row["day"], row["a"], row["r"])
            for row in rows.annotate(a=Sum("allowed"), r=Sum("refused"))
        }
        every = (first + timedelta(days=n) for n in range(days))
        return [counted.get(day, Day(day, 0, 0)) for day in every]

    def longest_gap(self, key):
        """Return the longest time between two days with allowed requests, a timedelta."""
        used = self.filter(key=key, allowed__gt=0).order_by("day")
        days = list(used.values_list("day", flat=True).distinct())
        gaps = (later - earlier for earlier, later in pairwise(days))
        return max(gaps, default=timedelta(0))

    def refused_scopes(self, key):
        """Return the scopes for which requests of the key were refused, a frozenset."""
        refused = self.filter(key=key, refused__gt=0).exclude(scope=NO_SCOPE)
        return frozenset(refused.values_list("scope", flat=True))


class KeyUsage(models.Model):
    """Allowed and refused requests of a key on a day, for a scope."""

    key = models.ForeignKey(
        "apikeys.ApiKey", on_delete=models.CASCADE, related_name="usage"
    )
    day = models.DateField()
    scope = models.CharField(max_length=40, blank=True)
    allowed = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)

    objects = KeyUsageManager()

    class Meta:
        verbose_name_plural = "key usage"
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "scope"], name="key_usage_unique_in_day"
            )
        ]

    def __str__(self):
        return (
            f"{self.day} {self.scope}: {self.allowed} allowed, {self.refused} refused"
        )
