from django.contrib import admin

from echopoint.environments.models import Environment, Variable, VariableSet
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(VariableSet)
class VariableSetAdmin(ReadOnlyAdmin):
    """Whose variables there are."""

    list_display = ["id", "organization", "flow", "updated_at"]
    list_filter = ["organization"]
    list_select_related = ["organization", "flow"]


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    """The named environments of organizations."""

    list_display = ["name", "organization", "updated_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name"]


@admin.register(Variable)
class VariableAdmin(ReadOnlyAdmin):
    """The variables by name; their values are for the API alone."""

    list_display = ["key", "variable_set", "environment", "secret", "updated_at"]
    list_filter = ["secret"]
    list_select_related = [
        "variable_set__organization",
        "variable_set__flow",
        "environment",
    ]
    search_fields = ["key"]
    exclude = ["value"]
