"""The audit of changes in the admin console."""

from collections import defaultdict
from operator import attrgetter

from django.db import transaction

from echopoint.core.audit_log import audit_log


class AuditedAdmin:
    """Records an audit event for each change, in the same transaction.

    `owner` is the attribute path to the id of the organization whose chain gets the event.
    Without it, the event goes to the installation's chain. Lock order: the installation's
    chain before any row. Other code locks rows first, but never waits for that chain.
    """

    owner = ""

    def organization_id_of(self, row):
        return attrgetter(self.owner)(row) if self.owner else None

    def save_model(self, request, obj, form, change):
        audit_log().lock_installation()
        super().save_model(request, obj, form, change)

    def log_addition(self, request, obj, message):
        self.record_addition(obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request, obj, message):
        # Changes of inline rows have a name. Those rows are recorded elsewhere.
        changes = [part["changed"] for part in message if "changed" in part]
        own = [change for change in changes if "name" not in change]
        fields = [field for change in own for field in change["fields"]]
        if fields:
            self.record_change(obj, fields)
        return super().log_change(request, obj, message)

    def delete_model(self, request, obj):
        with transaction.atomic():
            audit_log().lock_installation()
            self.record_deletion([obj])
            super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        with transaction.atomic():
            audit_log().lock_installation()
            self.record_deletion(list(queryset))
            super().delete_queryset(request, queryset)

    def record_addition(self, row):
        organization_id = self.organization_id_of(row)
        audit_log().added_in_console(row, organization_id=organization_id)

    def record_change(self, row, fields):
        organization_id = self.organization_id_of(row)
        audit_log().changed_in_console(
            row, organization_id=organization_id, fields=fields
        )

    def record_deletion(self, rows):
        """Record the deletion of rows, grouped by chain and in the order of the chains' ids."""
        owned = defaultdict(list)
        for row in rows:
            owned[self.organization_id_of(row) or ""].append(row)
        for organization_id in sorted(owned):
            audit_log().deleted_in_console(
                owned[organization_id], organization_id=organization_id
            )
