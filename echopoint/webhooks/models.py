"""Webhooks: public URLs that store the requests sent to them."""

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
from echopoint.webhooks import limits

logger = logging.getLogger(__name__)

SEARCHED_CHARACTERS = 32 * 1024
WEBHOOK_ID = re.compile(r"wh_[0-9A-Za-z]{1,37}")


def webhook_id() -> str:
    """Return a new webhook id, `wh_…`. It is random, because it is the only credential."""
    return f"wh_{random_base62(ID_LENGTH)}"


def captured_request_id() -> str:
    """Return a new id of a captured request, `req_…`."""
    return f"req_{random_base62(ID_LENGTH)}"


class WebhookQuerySet(OrgOwnedQuerySet):
    """Webhooks of organizations, with counts."""

    def counted(self):
        """Annotate `request_count`."""
        captured = CapturedRequest.objects.filter(webhook=OuterRef("pk"))
        count = captured.values("webhook").annotate(n=Count("pk")).values("n")
        return self.annotate(request_count=Coalesce(Subquery(count), 0))


class Webhook(OrgOwned):
    """A URL of an organization that anyone can send requests to."""

    id = models.CharField(
        primary_key=True, max_length=40, default=webhook_id, editable=False
    )
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Captured requests deleted to make space for newer ones, not those deleted by age.
    dropped_count = models.PositiveBigIntegerField(
        default=0, db_default=0, editable=False
    )
    dropped_at = models.DateTimeField(null=True, editable=False)

    objects = WebhookQuerySet.as_manager()

    # The default for new webhooks; `counted` annotates the others.
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
        """Store a request and return it; delete the oldest ones over the limits.

        Raise IntegrityError if the webhook was deleted concurrently. Raise `LimitReached` if
        the organization reached its quota and no webhook stores enough bytes to replace.
        """
        captured = CapturedRequest(webhook=self, **values)
        try:
            captured.save(force_insert=True, quota_owner=self.organization_id)
        except LimitReached as limit_reached:
            self.replace_oldest(captured, limit_reached)
        self.trim(captured.stored_bytes)
        return captured

    capture.alters_data = True

    def replace_oldest(self, captured, limit_reached):
        """Delete older requests and save this one, or raise `LimitReached`."""
        growth = captured.stored_bytes
        stored, max_bytes = (
            limit_reached.metadata["stored_bytes"],
            limit_reached.metadata["limit_bytes"],
        )
        if growth > max_bytes:
            raise limit_reached
        # If the quota was lowered, the sum is far above it. Each request then frees twice its
        # own size, so that the sum falls gradually and no request deletes thousands of rows.
        needed = min(2 * growth, stored + growth - max_bytes)
        database = self.requests.db
        webhook, pks = limits.requests_to_replace(self, needed)
        if not pks:
            raise limit_reached
        with transaction.atomic(database):
            if webhook.drop(pks, wait=True) < needed:
                # Another process deleted some of these rows for its own request. Without
                # this check, both would count the same freed bytes.
                raise limit_reached
            captured.save(force_insert=True)
            add = partial(CAPTURED.add, self.organization_id, growth)
            transaction.on_commit(add, using=database)

    replace_oldest.alters_data = True

    def trim(self, growth):
        """Drop the oldest captured requests beyond the webhook's limits.

        growth  bytes that were just added

        Database errors are logged, not raised: the request is stored already, and after an
        error the sender would send it again. The next request deletes the remaining rows.
        """
        try:
            if pks := limits.requests_to_drop(self, growth):
                self.drop(pks)
        except Error as error:
            if not is_lock_timeout(error):
                logger.exception(
                    "Could not trim %s; the next request tries again.", self.pk
                )

    trim.alters_data = True

    def drop(self, pks, *, wait=False):
        """Delete captured requests to make space, and return their bytes.

        Updates `dropped_count`, and the cached sums after the commit. Without `wait`, raise a
        lock timeout if another process is changing the webhook. Rows that another process is
        deleting are skipped.
        """
        database = self.requests.db
        with transaction.atomic(database) if wait else without_waiting(database):
            mine = Webhook.objects.using(database).filter(pk=self.pk)
            # Lock order, to avoid deadlocks: webhook, then captured requests by id.
            list(for_change(mine).values_list("pk"))
            rows = self.requests.filter(pk__in=pks).order_by("pk")
            sizes = rows.values_list("pk", "stored_bytes")
            unlocked = dict(sizes.select_for_update(skip_locked=True))
            if unlocked:
                self.requests.filter(pk__in=unlocked).delete()
                count = F("dropped_count") + len(unlocked)
                mine.update(dropped_count=count, dropped_at=timezone.now())
        freed = sum(unlocked.values())
        transaction.on_commit(partial(self.subtract_bytes, freed), using=database)
        return freed

    drop.alters_data = True

    def subtract_bytes(self, freed):
        CAPTURED.add(self.organization_id, -freed)
        limits.STORED_BYTES.add(self.pk, -freed)


class CapturedRequestQuerySet(models.QuerySet):
    """Captured requests."""

    def containing(self, text):
        """Only requests with the text in their body, headers, parameters, path or method.

        Only the first `SEARCHED_CHARACTERS` of each are searched: a webhook can store a
        gigabyte, and no index for substrings works on both databases.
        """
        if not text:
            return self
        names = ("body", "body_decoded", "search_text")
        starts = {n: Substr(n, 1, SEARCHED_CHARACTERS) for n in names}
        rows = self.alias(**{f"start_of_{n}": start for n, start in starts.items()})
        # Exclude base64, which can contain the text by chance.
        in_body = Q(start_of_body__icontains=text, body_is_base64=False)
        decoded = Q(start_of_body_decoded__icontains=text)
        return rows.filter(in_body | decoded | Q(start_of_search_text__icontains=text))


class CapturedRequest(QuotaCounted):
    """A request sent to a webhook."""

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
    # Null in requests captured before these columns existed, and on servers that do not pass
    # the raw URL.
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
    # The text of the JSON columns. Searching those would compare JSON escapes such as \u00e9.
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
