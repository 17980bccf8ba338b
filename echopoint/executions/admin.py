from django.contrib import admin

from echopoint.executions.models import Execution, NodeResult, Runner, RunnerJob
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """Executions, without the encrypted secrets."""

    exclude = ["sealed_inputs", "idempotency_digest", "completion_digest"]
    list_display = ["flow_name", "organization", "status", "runner_type", "started_at"]
    list_filter = ["status", "runner_type", "trigger_type", "organization"]
    list_select_related = ["organization"]
    search_fields = ["=id", "flow_name"]


@admin.register(NodeResult)
class NodeResultAdmin(ReadOnlyAdmin):
    """Results of nodes."""

    list_display = ["display_name", "node_type", "status", "execution", "started_at"]
    list_filter = ["status"]
    list_select_related = ["execution"]
    search_fields = ["=execution__id"]


@admin.register(Runner)
class RunnerAdmin(ReadOnlyAdmin):
    """Self-hosted runners."""

    list_display = ["runner_id", "organization", "version", "last_seen_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]


@admin.register(RunnerJob)
class RunnerJobAdmin(ReadOnlyAdmin):
    """Jobs of self-hosted runners."""

    list_display = ["id", "organization", "runner_id", "queued_at", "lease_expires_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
