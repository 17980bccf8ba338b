from django.contrib import admin

from echopoint.flows.models import Flow, FlowTag
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(Flow)
class FlowAdmin(ReadOnlyAdmin):
    """Flows, read-only: only the API validates definitions."""

    list_display = ["name", "organization", "version", "updated_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name"]


@admin.register(FlowTag)
class FlowTagAdmin(ReadOnlyAdmin):
    """Tags of flows."""

    list_display = ["name", "flow"]
    list_select_related = ["flow"]
    search_fields = ["name"]
