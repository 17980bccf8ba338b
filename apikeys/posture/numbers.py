"""Count the keys of each measure, however many keys the organization has."""

from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from apikeys.db.bounded_counts import MAX_READ, Count, Scan, count
from apikeys.db.index_probes import status_parts
from apikeys.forms.expiry_dates import ExpiryDates
from apikeys.forms.key_filters import KeyFilterForm
from apikeys.forms.key_queries import CURRENT, in_status, in_use_or_revoked
from apikeys.forms.people import Owners
from apikeys.models import ApiKey, KeyWarning, ScopeRecording, WarningRecording
from apikeys.models.key_warning import WARNED_FOR
from apikeys.models.querysets import has_not_ended, was_refused_as_retired
from apikeys.models.scope_use import unused_since
from apikeys.posture.measures import MAX_TASKS, TASKS, Measure

WIDTH = 100  # of a bar, in SVG units


class Number(NamedTuple):
    """The number of keys of a measure; `count` is None if it cannot be known yet."""

    measure: Measure
    count: Count | None
    bar: int = 0  # its length, up to `WIDTH`


class Task(NamedTuple):
    """Something to do about the keys of a measure."""

    measure: Measure
    text: str
    advice: str


class Posture:
    """The numbers of an organization."""

    def __init__(self, organization, database, measures):
        self.organization, self.database = organization, database
        self.now = timezone.now()
        self.scopes_from = ScopeRecording.objects.using(database).began_at()
        self.warnings_from = WarningRecording.objects.using(database).began_at()
        self.counts = self.count_all(measures)

    def numbers(self, measures):
        """Return the `Number`s of these measures; the largest has the longest bar."""
        counts = [self.counts[measure.address] for measure in measures]
        most = max((c.number for c in counts if c), default=0)
        return [
            Number(measure, count, bar(count.number, most) if count else 0)
            for measure, count in zip(measures, counts, strict=True)
        ]

    def tasks(self):
        """Return what to do first, the most pressing `Task` first."""
        found = []
        for measure, one, many, advice in TASKS:
            count = self.counts[measure.address]
            if count and count.number:
                text = one if count == Count(1, is_exact=True) else many
                found.append(Task(measure, f"{count} {text}", advice))
        return found[:MAX_TASKS]

    @property
    def are_complete(self):
        """Whether all numbers that could need action are known and exact."""
        counts = [self.counts[measure.address] for measure, *_ in TASKS]
        return self.warnings_are_known and all(c and c.is_exact for c in counts)

    def count_all(self, measures):
        """Return {address of a measure: its `Count`}; one statement."""
        ways = [(m, way) for m in measures for way in self.ways_to_count(m)]
        found = iter(count([scan for _, way in ways for scan in way], self.database))
        counts = {measure.address: None for measure in measures}
        for measure, way in ways:
            total = sum((next(found) for _ in way), Count(0, is_exact=True))
            best = counts[measure.address]
            counts[measure.address] = max(best, total, key=precision) if best else total
        return counts | {
            measure.address: None for measure in measures if self.is_unknown(measure)
        }

    @property
    def scopes_are_known(self):
        """Whether uses of scopes are recorded for long enough to find unused ones."""
        return self.scopes_from <= unused_since(self.now)

    @property
    def warnings_are_known(self):
        """Whether all warnings of the last days are recorded."""
        return self.warnings_from <= self.now - WARNED_FOR

    def is_unknown(self, measure):
        return "scope_use" in measure.params and not self.scopes_are_known

    def ways_to_count(self, measure):
        """Return one or more ways to count: lists of `Scan`s that together find the keys.

        A scan reads along an index, and at most `MAX_READ` rows. If one way cannot read all
        rows, another one may.
        """
        params = dict(measure.params)
        status = params.pop("status", "")
        keys = ApiKey.objects.using(self.database).for_org(self.organization)
        candidates = in_use_or_revoked(keys, status)
        if not params:
            return [[Scan(part) for part in in_status(candidates, status)[1]]]
        [(name, value)] = params.items()
        if value in KeyWarning.Kind.values:
            return [[self.warned(keys, status, value)]]
        if measure.has(status="retired", use="retired"):
            parts = status_parts(candidates, ["retired"])
            refused = Q(was_refused_as_retired(self.now))
            # Those that retired last first: these are the ones that clients may still use.
            latest = [part.order_by("-retire_at") for part in parts]
            return [[Scan(part, refused) for part in latest]]
        condition = self.condition(status)
        query = KeyFilterForm.base_fields[name].query
        if name not in BESIDES_REVOKED:
            _, parts = query(candidates, self.cleaned(name, value))
            return [[Scan(part, condition) for part in parts]]
        # Revoked keys must count as read, or a million of them could be skipped to find a
        # few others. If they are too many, the unrevoked keys may be few.
        _, parts = query(keys, self.cleaned(name, value))
        newest = candidates.order_by("-created_at", "-pk")
        return [
            [Scan(part, condition) for part in parts],
            [Scan(newest, condition & BESIDES_REVOKED[name])],
        ]

    def warned(self, keys, status, kind):
        """Return the scan of the latest warnings."""
        warnings = KeyWarning.objects.using(self.database).for_org(self.organization)
        latest = warnings.recent(kind, self.now).order_by("-at")
        rows = keys.filter(pk__in=latest.values("key")[:MAX_READ])
        return Scan(rows, self.condition(status))

    def condition(self, status):
        return has_not_ended(self.now) if status == CURRENT else Q()

    def cleaned(self, name, value):
        """Return the value as the field of the filter form returns it."""
        if name == "owner":
            return Owners(self.organization, self.database).selection(value)
        return ExpiryDates.parse(value) if name == "expires" else value


# Filters whose index has the revoked keys too, as conditions.
BESIDES_REVOKED = {"owner": Q(owner=None), "networks": Q(allow_list=None)}


def precision(count):
    return count.is_exact, count.number


def bar(number, most):
    """Return the length of a bar, at least 2 so that a single key is visible."""
    return max(round(number / most * WIDTH), 2) if number else 0
