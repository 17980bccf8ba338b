"""Stop a key whose secret was reported as leaked."""

from django.db import models, transaction
from django.utils import timezone

from apikeys.models.audit import AuditEvent
from apikeys.models.querysets import WORKING
from echopoint.core.locks import for_change
from echopoint.organizations.models import LeakAction

REASON = "The secret was reported as leaked."


class LeakReport(models.Model):
    """The part of a key that stops it once a report proves that its secret is out."""

    class Meta:
        abstract = True

    @transaction.atomic
    def report_leak(self, *, by, source, found_in="", url="", at=None):
        """Suspend or revoke the key, as its organization chose; return whether it did.

        Call it only for a report that contains the complete key. `source` is "api", "page" or
        "github"; `found_in` and `url` are where GitHub found it. A key that is stopped
        already is not changed, and only the first report of it is recorded.
        """
        by.require_fresh()
        at = at or timezone.now()
        rows = type(self).objects.select_related("organization")
        key = for_change(rows).get(pk=self.pk)
        is_live = key.own_status(at) in WORKING
        if not is_live and key.leak_reported_at:
            return False
        key.leak_reported_at = at
        key.save(update_fields=["leak_reported_at"])
        details = {"source": source, "found_in": found_in, "url": url}
        key.record(
            AuditEvent.Action.LEAK_REPORTED,
            by,
            at=at,
            **{name: value for name, value in details.items() if value},
        )
        if is_live:
            is_final = key.organization.leak_action == LeakAction.REVOKE
            stop = key.revoke if is_final else key.suspend
            stop(by=by, reason=REASON, at=at)
        self.refresh_from_db()
        return is_live

    report_leak.alters_data = True
