from django.contrib import admin

from echopoint.environments.models import Environment, Variable, VariableSet
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(VariableSet)
class VariableSetAdmin(ReadOnlyAdmin):
    """Sets of variables."""

    list_display = ["id", "organization", "flow", "updated_at"]
    list_filter = ["organization"]
    list_select_related = ["organization", "flow"]


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    """Named environments."""

    list_display = ["name", "organization", "updated_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name"]


@admin.register(Variable)
class VariableAdmin(ReadOnlyAdmin):
    """Variables without their values, which only the API returns."""

    list_display = ["key", "variable_set", "environment", "secret", "updated_at"]
    list_filter = ["secret"]
    list_select_related = [
        "variable_set__organization",
        "variable_set__flow",
        "environment",
    ]
    search_fields = ["key"]
    exclude = ["value"]
