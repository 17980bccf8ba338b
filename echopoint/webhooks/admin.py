from django.contrib import admin

from echopoint.webhooks.models import CapturedRequest, Webhook


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to be read or deleted; they are written through the API alone."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Webhooks of all organizations."""

    list_display = ["name", "id", "organization", "created_at"]
    list_filter = ["organization"]
    search_fields = ["name", "=id"]


@admin.register(CapturedRequest)
class CapturedRequestAdmin(ReadOnlyAdmin):
    """What was sent to webhooks."""

    list_display = ["id", "webhook", "method", "content_type", "received_at"]
    list_filter = ["method", "received_at"]
    list_select_related = ["webhook"]
    search_fields = ["=id", "=webhook__id"]
