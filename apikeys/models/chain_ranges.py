"""Ranges of an audit chain, each of which any process can check."""

from typing import Any, NamedTuple

from django.apps import apps

from apikeys.audit.hash_chain import Position, Walk

# Events per range: enough that handing ranges to processes costs little.
SIZE = 5000


class ChainRange(NamedTuple):
    """The events after one sequence through another; plain values, for other processes.

    `owner` are the columns that all events of the chain share. The first range starts at
    the base of the chain.
    """

    model: str
    database: str
    owner: dict[str, Any]
    after: int
    through: int
    base: int
    base_hash: str
    expected_head: str

    @property
    def is_first(self):
        return self.after == self.base

    @property
    def chain(self):
        manager = apps.get_model(self.model).objects
        return manager.using(self.database).filter(**self.owner)

    @property
    def events(self):
        """Return the events, in the order of the chain.

        Events that were pruned and are not deleted yet are in the first range.
        """
        rows = self.chain.filter(sequence__lte=self.through).order_by("sequence")
        return rows if self.is_first else rows.filter(sequence__gt=self.after)

    def read_start(self):
        """Return the position of the event before the range; no hash if it is missing."""
        if self.is_first:
            return Position(self.base, 1, self.base_hash)
        found = self.chain.filter(sequence=self.after).values_list("version", "hash")
        return Position(self.after, *(found.first() or (1, "")))


def split(model, database, end, expected_head):
    """Return the ranges of the chain with this recorded end, at least one."""
    return [
        ChainRange(
            model._meta.label,
            database,
            end.owner,
            after,
            min(after + SIZE, end.length),
            end.base,
            end.base_hash,
            expected_head,
        )
        for after in range(end.base, max(end.length, end.base + 1), SIZE)
    ]


def check(part):
    """Return the `Walk` of a range, up to its first broken link."""
    walk = Walk(
        base=part.base,
        base_hash=part.base_hash,
        expected_head=part.expected_head,
        start=part.read_start(),
    )
    for event in part.events.records():
        if not walk.events and part.base and event["sequence"] <= part.base:
            # Pruned, but not deleted yet. The remaining ones must lead to the base.
            walk.sequence, walk.head = event["sequence"] - 1, event["prev_hash"]
        walk.add(event)
        if walk.broken:
            break
    return walk
