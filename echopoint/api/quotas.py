"""How much an organization may keep: rows, and bytes of content in all of them together."""

import json
import time
from contextlib import suppress
from http import HTTPStatus

from django.conf import settings
from django.core.cache import cache
from django.db import models
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


class Sized(models.Model):
    """Rows whose content counts towards the bytes that their organization keeps.

    measured           the fields with content
    organization_path  the lookup of the row's organization
    """

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
        if update_fields is None or set(update_fields) & set(self.measured):
            before, self.stored_bytes = self.stored_bytes, self.measure()
            if within is not None and self.stored_bytes > before:
                require_room(within, self.stored_bytes - before)
            update_fields = update_fields and [*update_fields, "stored_bytes"]
        super().save(update_fields=update_fields, **options)

    def measure(self):
        """Return the bytes of the content as text in UTF-8."""
        return sum(size_of(getattr(self, name)) for name in self.measured)


def size_of(value):
    if value is None:
        return 0
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return len(value.encode(errors="surrogatepass"))


def require_room(organization_id, growth):
    """Raise `LimitReached` unless the organization may keep so many bytes more.

    The sum is up to a minute old; what this cache saw since is added to it.
    """
    key = sum_key(organization_id)
    stored = cache.get(key)
    if stored is None:
        stored = stored_bytes(organization_id)
        # It outlives its minute, so that it cannot end before it is incremented.
        cache.set(key, stored, 2 * SUM_HOLDS)
    limit = settings.MAX_STORED_MEGABYTES * MEGABYTE
    if stored + growth > limit:
        raise LimitReached(
            f"This organization stores {stored / MEGABYTE:,.0f} MB of"
            f" {settings.MAX_STORED_MEGABYTES:,} MB in webhooks, flows, executions and"
            " collections. Delete what is no longer needed, or let the policy delete old"
            " captured requests and executions; that counts within a minute or so.",
            metadata={"limit_bytes": limit, "stored_bytes": stored},
        )
    add_to_sum(organization_id, growth)


def sum_key(organization_id):
    """Return the key of the sum in the cache, another each minute of the clock."""
    return f"stored-bytes:{organization_id}:{int(time.time()) // SUM_HOLDS}"


def add_to_sum(organization_id, growth):
    """Add bytes that were written, or take away those that were deleted."""
    # Where there is no sum, the next one has them.
    with suppress(ValueError):
        cache.incr(sum_key(organization_id), growth)


def stored_bytes(organization_id):
    """Return the bytes of content that the organization keeps; a query per table."""
    return sum(
        model._base_manager.filter(**{model.organization_path: organization_id})
        .order_by()
        .aggregate(n=Sum("stored_bytes", default=0))["n"]
        for model in kinds(Sized)
    )


def kinds(base):
    """Return the models that are a kind of this abstract one."""
    for model in base.__subclasses__():
        if model._meta.abstract:
            yield from kinds(model)
        else:
            yield model
