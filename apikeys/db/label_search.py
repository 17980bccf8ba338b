"""Find audit events whose labels hold a text, in the order of time.

A common text is found among the events that come first. Of a rare one the labels are
found first, on PostgreSQL, and then their events along the index by id and time.
"""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, JSONField, OuterRef, Subquery

from apikeys.db.keyset import Unindexed

SCANNED = 5000  # events that are compared with a text before its labels are looked for
COMMON = 51  # of these match: a page, and one more that shows that there is another


class Row(Func):
    """Values that are compared one after the other."""

    function = "ROW"
    output_field = JSONField()  # the value is only used for sorting


class Unnest(Func):
    """A row for each item of an array."""

    function = "UNNEST"
    set_returning = True


class LabelSearch:
    """A search for texts in the labels of actors and targets.

    labels    the labels of the organization, a queryset of `AuditLabel`
    queries   {kind of label: function that returns those of some events with the text}
    texts     {kind of label: text}
    """

    # The kind of label to search by, if the texts are rare.
    rare_kind = None

    def __init__(self, labels, queries, texts):
        self.labels, self.queries, self.texts = labels, queries, texts

    def newest(self, events, count):
        """Return ids of up to `count` matching events, and whether there are no others."""
        events = events.order_by("-at", "-pk")
        first, are_all = self.scanned(events, descending=True)
        ids = ids_of(self.matching(first), count)
        if are_all or len(ids) >= COMMON:
            return ids, are_all and len(ids) < count
        self.rare_kind = self.rarest(first)
        # With another text in the way, each match may take a thousand events.
        limit = count if len(self.texts) == 1 else COMMON
        ids = self.any_ids(events, limit)
        return ids, len(ids) < limit

    def first_ids(self, events, count, *, descending):
        """Return the ids of the first `count` matching events, and perhaps of others.

        `events` match all other filters, and are sorted by time and id.
        """
        if not self.rare_kind:
            first, are_all = self.scanned(events, descending=descending)
            ids = ids_of(self.matching(first), count)
            if are_all or len(ids) == count:
                return ids
            self.rare_kind = self.rarest(first)
        return self.ids_by_label(events, count, descending=descending)

    def scanned(self, events, *, descending):
        """Return the first events, and whether these are all."""
        last = events.values_list("at", flat=True)[SCANNED : SCANNED + 1]
        for at in last:
            return events.filter(**{"at__gte" if descending else "at__lte": at}), False
        return events, True

    def rarest(self, events):
        """Return the kind of label whose text the fewest of these events have."""
        if len(self.texts) == 1:
            return next(iter(self.texts))
        return min(
            self.texts, key=lambda kind: self.matching(events, kinds=[kind]).count()
        )

    def any_ids(self, events, count):
        """Return the ids of up to `count` matching events."""
        if not self.labels.are_stored():
            return ids_of(self.matching(events), count)
        # All labels are read and sorted before their events. Otherwise PostgreSQL may
        # expect to find enough labels sooner without their index.
        labels = self.found_labels().order_by(Unindexed("key"))
        rows = self.events_of_label(events.order_by())
        return list(unnested(labels, rows[:count])[:count])

    def ids_by_label(self, events, count, *, descending):
        """Return the ids of the first `count` events of each label that can have them.

        These are the labels whose first events come first.
        """
        if not self.labels.are_stored():
            return ids_of(self.matching(events), count)
        labels, rows = self.found_labels(), self.events_of_label(events)
        first = Subquery(rows.values(place=Row(F("at"), F("pk")))[:1])
        place = (
            first.desc(nulls_last=True) if descending else first.asc(nulls_last=True)
        )
        first_labels = labels.order_by(place).values("pk")[:count]
        return list(unnested(labels.filter(pk__in=first_labels), rows[:count]))

    def all_events(self, events):
        """Return all matching events. Those of rare labels are read along an index."""
        rows = self.matching(events)
        if not self.rare_kind or not self.labels.are_stored():
            return rows
        ids = self.found_labels().values("subject_id")
        return rows.filter(**{f"{self.rare_kind}_id__in": ids})

    def found_labels(self):
        """Return the labels with the rare text."""
        return self.labels.holding(self.rare_kind, self.texts[self.rare_kind])

    def matching(self, events, *, kinds=None):
        """Return the events with the texts of these kinds, by default of all."""
        for kind in self.texts if kinds is None else kinds:
            events = self.queries[kind](events, self.texts[kind])
        return events

    def events_of_label(self, events):
        """Return the matching events of the label of an outer query, which has its text."""
        kind = self.rare_kind
        label = {f"{kind}_id": OuterRef("subject_id"), f"{kind}_key": OuterRef("key")}
        others = [other for other in self.texts if other != kind]
        return self.matching(events, kinds=others).filter(**label)


def ids_of(rows, count):
    return list(rows.values_list("pk", flat=True)[:count])


def unnested(labels, rows):
    """Return the ids of the rows of all labels."""
    ids = Unnest(ArraySubquery(rows.values("pk")))
    return labels.values_list(ids, flat=True)
