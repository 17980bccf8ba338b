"""Quotas of an organization: number of rows, and stored bytes of all rows together."""

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
# Seconds. Computing the sum reads an index entry per row, which is too slow for each write.
SUM_LIFETIME = 60


class LimitReached(Refused):
    """The organization reached a quota; `metadata` contains the limit."""

    code = "LIMIT_REACHED"
    status = HTTPStatus.CONFLICT


def require_row_quota(rows, organization, setting):
    """Raise `LimitReached` if the organization may not add another of these rows.

    Must run in the transaction of the insert.
    """
    # Without this lock, two concurrent inserts could both see the last free place.
    list(for_change(Organization.objects.filter(pk=organization.pk)).values_list("pk"))
    limit = getattr(settings, setting)
    if rows.for_org(organization).order_by()[:limit].count() >= limit:
        noun = rows.model._meta.verbose_name_plural
        raise LimitReached(
            f"This organization has {limit} {noun}, the most it can have. Delete some"
            " that are no longer needed.",
            metadata={"limit": limit},
        )


@dataclass(frozen=True)
class CachedSum:
    """A sum of bytes in the cache; it is read from the database once a minute.

    Without Redis each process counts only its own changes within that minute.
    """

    name: str

    def key(self, id):
        """Return the cache key, which changes every minute."""
        return f"{self.name}:{id}:{int(time.time()) // SUM_LIFETIME}"

    def get(self, id):
        """Return the sum, or None if it has to be read from the database."""
        return cache.get(self.key(id))

    def store(self, id, total):
        # Twice the lifetime: an entry that expires right before `add` increments it would
        # lose that growth.
        cache.set(self.key(id), total, 2 * SUM_LIFETIME)

    def add(self, id, growth):
        """Add to the sum and return it; return None if no sum is cached."""
        with suppress(ValueError):
            return cache.incr(self.key(id), growth)


@dataclass(frozen=True)
class Quota:
    """The bytes that an organization may store in some kinds of rows together.

    setting    name of the setting with the limit in megabytes
    rows       these rows, for messages
    expirable  the rows among them that the organization's policy deletes by age
    """

    setting: str
    rows: str
    expirable: str

    def require_bytes(self, organization_id, growth):
        """Raise `LimitReached` unless the organization may store `growth` more bytes.

        The sum is read once a minute. Changes since then are added in the cache, so without
        Redis a process does not see what the other processes wrote in that minute.
        """
        stored, megabytes = self.sum(organization_id), getattr(settings, self.setting)
        limit = megabytes * MEGABYTE
        if stored + growth > limit:
            raise LimitReached(
                f"This organization stores {stored / MEGABYTE:,.0f} MB of"
                f" {megabytes:,} MB in {self.rows}. Delete what is no longer needed, or"
                f" let the policy delete old {self.expirable}; the sum is updated"
                " within about a minute.",
                metadata={"limit_bytes": limit, "stored_bytes": stored},
            )

    def sum(self, organization_id):
        """Return the sum in the cache, read from the database once a minute."""
        stored = self.cached.get(organization_id)
        if stored is None:
            stored = self.stored_bytes(organization_id)
            self.cached.store(organization_id, stored)
        return stored

    def add(self, organization_id, growth):
        """Add committed bytes to the cached sum; a negative growth subtracts."""
        self.cached.add(organization_id, growth)

    @property
    def cached(self):
        return CachedSum(f"stored-bytes:{self.setting}")

    def stored_bytes(self, organization_id):
        """Return the stored bytes of the organization; runs a query per table."""
        return sum(
            model._base_manager.filter(**{model.organization_path: organization_id})
            .order_by()
            .aggregate(n=Sum("stored_bytes", default=0))["n"]
            for model in concrete_models(QuotaCounted)
            if model.quota == self
        )


STORED = Quota(
    "MAX_STORED_MEGABYTES", "flows, executions and collections", "executions"
)
# A quota of their own, because anyone can send requests to a webhook: filling this quota
# must not stop the organization from storing flows and executions.
CAPTURED = Quota("MAX_CAPTURED_MEGABYTES", "captured requests", "captured requests")


class QuotaCounted(models.Model):
    """Rows whose content counts towards a byte quota of their organization.

    measured_fields    the fields whose content counts
    organization_path  lookup of the organization
    """

    quota = STORED
    measured_fields = ()
    organization_path = "organization"
    stored_bytes = models.PositiveBigIntegerField(
        default=0, db_default=0, editable=False
    )

    class Meta:
        abstract = True

    def save(self, *, quota_owner=None, update_fields=None, **options):
        """Save the row and its size.

        `quota_owner` is the id of the organization whose quota is checked: raise `LimitReached`
        if the row grows beyond it. None checks nothing.
        """
        growth = 0
        if update_fields is None or set(update_fields) & set(self.measured_fields):
            before, self.stored_bytes = self.stored_bytes, self.measure()
            growth = self.stored_bytes - before if quota_owner is not None else 0
            update_fields = update_fields and [*update_fields, "stored_bytes"]
        if growth > 0:
            self.quota.require_bytes(quota_owner, growth)
        super().save(update_fields=update_fields, **options)
        if growth > 0:
            add = partial(self.quota.add, quota_owner, growth)
            transaction.on_commit(add, using=self._state.db)

    def measure(self):
        """Return the size of the content in UTF-8 bytes."""
        return sum(byte_size(getattr(self, name)) for name in self.measured_fields)


def byte_size(value):
    if value is None:
        return 0
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return len(value.encode(errors="surrogatepass"))


def concrete_models(base):
    """Yield the concrete models below an abstract one."""
    for model in base.__subclasses__():
        if model._meta.abstract:
            yield from concrete_models(model)
        else:
            yield model
