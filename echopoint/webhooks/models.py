"""Webhooks: addresses that keep what is sent to them."""

import logging
import re
from functools import partial

from django.db import Error, models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Substr
from django.utils import timezone

from echopoint.api.quotas import CAPTURED, LimitReached, QuotaCounted
from echopoint.core.ids import ID_LENGTH, random_base62
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.core.locks import for_change
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet
from echopoint.webhooks import room

logger = logging.getLogger(__name__)

SEARCHED = 32 * 1024  # letters
WEBHOOK_ID = re.compile(r"wh_[0-9A-Za-z]{1,37}")


def webhook_id() -> str:
    """Return a new webhook id, `wh_…`. Who knows it may send: there is no other proof."""
    return f"wh_{random_base62(ID_LENGTH)}"


def captured_request_id() -> str:
    """Return a new captured request's id, `req_…`."""
    return f"req_{random_base62(ID_LENGTH)}"


class WebhookQuerySet(OrgOwnedQuerySet):
    """Webhooks with what was sent to them."""

    def counted(self):
        """Add `request_count`, in the same query."""
        captured = CapturedRequest.objects.filter(webhook=OuterRef("pk"))
        count = captured.values("webhook").annotate(n=Count("pk")).values("n")
        return self.annotate(request_count=Coalesce(Subquery(count), 0))


class Webhook(OrgOwned):
    """An address of an organization that anyone can send to."""

    id = models.CharField(
        primary_key=True, max_length=40, default=webhook_id, editable=False
    )
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Of captured requests that made room for newer ones; not of those deleted for their age.
    dropped_count = models.PositiveBigIntegerField(
        default=0, db_default=0, editable=False
    )
    dropped_at = models.DateTimeField(null=True, editable=False)

    objects = WebhookQuerySet.as_manager()

    # A new one; `counted` tells of the others.
    request_count = 0

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="webhook_list"
            )
        ]

    def __str__(self):
        return self.name

    def capture(self, **values):
        """Keep a request and return it; the oldest beyond the limits are dropped.

        Raise IntegrityError when the webhook was deleted in the meantime, and
        `LimitReached` when all webhooks of the organization store as much as they may, and
        none has enough of it to make room.
        """
        captured = CapturedRequest(webhook=self, **values)
        try:
            captured.save(force_insert=True, quota_owner=self.organization_id)
        except LimitReached as full:
            self.replace_oldest(captured, full)
        self.trim(captured.stored_bytes)
        return captured

    capture.alters_data = True

    def replace_oldest(self, captured, full):
        """Save a request in place of older ones, or raise `LimitReached`."""
        growth = captured.stored_bytes
        stored, most = full.metadata["stored_bytes"], full.metadata["limit_bytes"]
        if growth > most:
            raise full
        # Beyond a limit that was lowered, the sum comes down with each request.
        needed = min(2 * growth, stored + growth - most)
        database = self.requests.db
        webhook, pks = room.to_replace(self, needed)
        if not pks:
            raise full
        with transaction.atomic(database):
            if webhook.drop(pks, wait=True) < needed:
                # Another process deleted them first, and needs their room itself.
                raise full
            captured.save(force_insert=True)
            add = partial(CAPTURED.add, self.organization_id, growth)
            transaction.on_commit(add, using=database)

    replace_oldest.alters_data = True

    def trim(self, growth):
        """Drop the oldest captured requests beyond the webhook's limits.

        growth  bytes that were just added

        A failure is logged, not raised: the sender's request is kept already, and an
        error would make it send again. What could not be deleted goes with the next.
        """
        try:
            if pks := room.too_many(self, growth):
                self.drop(pks)
        except Error as error:
            if not is_lock_timeout(error):
                logger.exception("Could not trim %s yet; it is tried again.", self.pk)

    trim.alters_data = True

    def drop(self, pks, *, wait=False):
        """Delete the captured requests to make room, and return their bytes.

        Their number is added on the row, and the sums change when this is committed.
        Without `wait` it gives up where another process changes the webhook. Those that
        another process is deleting are left to it.
        """
        database = self.requests.db
        with transaction.atomic(database) if wait else without_waiting(database):
            mine = Webhook.objects.using(database).filter(pk=self.pk)
            list(for_change(mine).values_list("pk"))
            rows = self.requests.filter(pk__in=pks).order_by("pk")
            sizes = rows.values_list("pk", "stored_bytes")
            free = dict(sizes.select_for_update(skip_locked=True))
            if free:
                self.requests.filter(pk__in=free).delete()
                count = F("dropped_count") + len(free)
                mine.update(dropped_count=count, dropped_at=timezone.now())
        freed = sum(free.values())
        transaction.on_commit(partial(self.count_freed, freed), using=database)
        return freed

    drop.alters_data = True

    def count_freed(self, freed):
        CAPTURED.add(self.organization_id, -freed)
        room.shrink_sum(self, freed)


class CapturedRequestQuerySet(models.QuerySet):
    """What was sent to webhooks."""

    def containing(self, text):
        """Only requests with the text in their body, headers, parameters, path or method.

        Of each, the first `SEARCHED` letters are looked at: a webhook can hold a
        gigabyte, and no index finds a part of a word in it on both databases.
        """
        if not text:
            return self
        names = ("body", "body_decoded", "search_text")
        begun = {n: Substr(n, 1, SEARCHED) for n in names}
        rows = self.alias(**{f"start_of_{n}": start for n, start in begun.items()})
        # Letters of base64 that happen to spell the text are no match.
        in_body = Q(start_of_body__icontains=text, body_is_base64=False)
        decoded = Q(start_of_body_decoded__icontains=text)
        return rows.filter(in_body | decoded | Q(start_of_search_text__icontains=text))


class CapturedRequest(QuotaCounted):
    """A request as it was sent to a webhook."""

    quota = CAPTURED
    measured_fields = (
        *("body", "body_decoded", "headers", "query_params", "search_text"),
        *("path", "raw_path", "raw_query", "repeated_headers", "repeated_params"),
    )
    organization_path = "webhook__organization"

    id = models.CharField(
        primary_key=True, max_length=40, default=captured_request_id, editable=False
    )
    webhook = models.ForeignKey(
        Webhook,
        on_delete=models.CASCADE,
        related_name="requests",
        db_index=False,  # the index of the list begins with it
    )
    method = models.CharField(max_length=10)
    path = models.TextField(blank=True, default="", db_default="")
    # Null: it came before these were kept, or the server does not tell.
    raw_path = models.TextField(blank=True, null=True)  # noqa: DJ001
    raw_query = models.TextField(blank=True, null=True)  # noqa: DJ001
    headers = models.JSONField(default=dict)
    repeated_headers = models.JSONField(blank=True, null=True)
    query_params = models.JSONField(default=dict)
    repeated_params = models.JSONField(blank=True, null=True)
    body = models.TextField(blank=True)
    body_is_base64 = models.BooleanField(default=False)
    body_decoded = models.TextField(blank=True, default="", db_default="")
    body_decoding = models.CharField(
        max_length=10, blank=True, default="", db_default=""
    )
    content_type = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)
    ip_address = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    # The text in the JSON columns, which the databases would search in JSON's escapes.
    search_text = models.TextField(blank=True, editable=False)

    objects = CapturedRequestQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["webhook", "-received_at", "-id", "stored_bytes"],
                name="captured_request_list",
            ),
            models.Index(
                fields=["webhook", "stored_bytes"], name="captured_request_bytes"
            ),
        ]

    def __str__(self):
        return f"{self.method} at {self.received_at:%Y-%m-%d %H:%M:%S}"

    def save(self, **options):
        pairs = [*self.headers.items(), *self.query_params.items()]
        lines = [f"{name}: {value}" for name, value in pairs]
        self.search_text = "\n".join([self.method, self.path, *lines])
        super().save(**options)
