from django.contrib import admin

from apikeys.models import (
    ApiKey,
    AuditChain,
    AuditEvent,
    KeyUsage,
    Refusal,
    SpentNonce,
)
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys, without what could open anything."""

    list_display = [
        "name",
        "display_id",
        "organization",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
    ]
    list_filter = ["preset", "organization"]
    list_select_related = ["organization"]
    search_fields = ["name", "=public_id"]
    exclude = ["digest"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What happened, as it was written."""

    list_display = [
        "organization",
        "sequence",
        "at",
        "action",
        "actor_label",
        "target_label",
    ]
    list_filter = ["action", "organization"]
    list_select_related = ["organization"]
    search_fields = ["=target_id", "=actor_id", "actor_label", "target_label"]
    date_hierarchy = "at"


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    """The end of each organization's chain."""

    list_display = ["organization", "length", "head"]
    list_select_related = ["organization"]


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin):
    """Refused requests, by key, reason and minute."""

    list_display = ["key", "reason", "minute", "count", "last_ip"]
    list_filter = ["reason"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(KeyUsage)
class KeyUsageAdmin(ReadOnlyAdmin):
    """Requests, by key, day and scope."""

    list_display = ["key", "day", "scope", "allowed", "refused"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(SpentNonce)
class SpentNonceAdmin(ReadOnlyAdmin):
    """Forms that were submitted."""

    list_display = ["spent_at", "key"]
    list_select_related = ["key"]
    fields = ["key", "spent_at"]
