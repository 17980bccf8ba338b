"""How much an organization may keep: rows, and bytes of content in all of them together."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from django.conf import settings
from django.core.cache import cache
from django.db import models, transaction
from django.db.models import Sum

from echopoint.core.locks import for_change
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Organization

MEGABYTE = 1_000_000
# Seconds. The sum reads an index with an entry per row, so not every write can afford it.
SUM_HOLDS = 60


class LimitReached(Refused):
    """An organization that keeps all that it may; `metadata` has the limit."""

    code = "LIMIT_REACHED"
    status = HTTPStatus.CONFLICT


def require_room_for_another(rows, organization, setting):
    """Raise `LimitReached` when the organization has as many of these rows as it may.

    Needs a transaction: it locks the organization, so that two inserts cannot pass at once.
    """
    list(for_change(Organization.objects.filter(pk=organization.pk)).values_list("pk"))
    limit = getattr(settings, setting)
    if rows.for_org(organization).order_by()[:limit].count() >= limit:
        noun = rows.model._meta.verbose_name_plural
        raise LimitReached(
            f"This organization has {limit} {noun}, and can have no more. Delete some"
            " that are no longer needed.",
            metadata={"limit": limit},
        )


@dataclass(frozen=True)
class Quota:
    """The bytes that an organization may store in some kinds of rows together.

    setting  of the limit in megabytes
    rows     the kinds, in words
    aged     those of them that the policy can delete for their age
    """

    setting: str
    rows: str
    aged: str

    def require_room(self, organization_id, growth):
        """Raise `LimitReached` unless the organization may store so many bytes more.

        The sum is up to a minute old; what this cache saw since is added to it.
        """
        stored, megabytes = self.sum(organization_id), getattr(settings, self.setting)
        limit = megabytes * MEGABYTE
        if stored + growth > limit:
            raise LimitReached(
                f"This organization stores {stored / MEGABYTE:,.0f} MB of"
                f" {megabytes:,} MB in {self.rows}. Delete what is no longer needed, or"
                f" let the policy delete old {self.aged}; that counts within a minute or"
                " so.",
                metadata={"limit_bytes": limit, "stored_bytes": stored},
            )

    def sum(self, organization_id):
        """Return the sum in the cache, read from the database once a minute."""
        key = self.sum_key(organization_id)
        stored = cache.get(key)
        if stored is None:
            stored = self.stored_bytes(organization_id)
            # It outlives its minute, so that it cannot end before it is incremented.
            cache.set(key, stored, 2 * SUM_HOLDS)
        return stored

    def sum_key(self, organization_id):
        """Return the key of the sum in the cache, another each minute of the clock."""
        minute = int(time.time()) // SUM_HOLDS
        return f"stored-bytes:{self.setting}:{organization_id}:{minute}"

    def add(self, organization_id, growth):
        """Add bytes that were committed, or take away those that were deleted."""
        # Where there is no sum, the next one has them.
        with suppress(ValueError):
            cache.incr(self.sum_key(organization_id), growth)

    def stored_bytes(self, organization_id):
        """Return the bytes of content that the organization stores; a query per table."""
        return sum(
            model._base_manager.filter(**{model.organization_path: organization_id})
            .order_by()
            .aggregate(n=Sum("stored_bytes", default=0))["n"]
            for model in kinds(Sized)
            if model.quota == self
        )


STORED = Quota(
    "MAX_STORED_MEGABYTES", "flows, executions and collections", "executions"
)
# Strangers write these: what they fill must leave the room of an organization's own rows.
CAPTURED = Quota("MAX_CAPTURED_MEGABYTES", "captured requests", "captured requests")


class Sized(models.Model):
    """Rows whose content counts towards the bytes that their organization keeps.

    measured           the fields with content
    organization_path  the lookup of the row's organization
    """

    quota = STORED
    measured = ()
    organization_path = "organization"
    stored_bytes = models.PositiveBigIntegerField(
        default=0, db_default=0, editable=False
    )

    class Meta:
        abstract = True

    def save(self, *, within=None, update_fields=None, **options):
        """Save the row with its size.

        `within` is an organization's id: raise `LimitReached` when the growth of the row
        exceeds its quota. None checks nothing.
        """
        growth = 0
        if update_fields is None or set(update_fields) & set(self.measured):
            before, self.stored_bytes = self.stored_bytes, self.measure()
            growth = self.stored_bytes - before if within is not None else 0
            update_fields = update_fields and [*update_fields, "stored_bytes"]
        if growth > 0:
            self.quota.require_room(within, growth)
        super().save(update_fields=update_fields, **options)
        if growth > 0:
            add = partial(self.quota.add, within, growth)
            transaction.on_commit(add, using=self._state.db)

    def measure(self):
        """Return the bytes of the content as text in UTF-8."""
        return sum(size_of(getattr(self, name)) for name in self.measured)


def size_of(value):
    if value is None:
        return 0
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return len(value.encode(errors="surrogatepass"))


def kinds(base):
    """Return the models that are a kind of this abstract one."""
    for model in base.__subclasses__():
        if model._meta.abstract:
            yield from kinds(model)
        else:
            yield model
