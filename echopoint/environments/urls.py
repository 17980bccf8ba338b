"""URLs of variables and environments."""

from django.urls import path

from echopoint.environments.api import (
    EnvironmentVariableViewSet,
    EnvironmentViewSet,
    FlowVariablesViewSet,
    FlowVariableViewSet,
    OrganizationVariablesViewSet,
    OrganizationVariableViewSet,
)

SET_METHODS = {"get": "retrieve", "delete": "destroy"}
VARIABLE_METHODS = {"put": "update", "delete": "destroy"}

urlpatterns = [
    path("flows/<str:id>/variables", FlowVariablesViewSet.as_view(SET_METHODS)),
    path(
        "flows/<str:id>/variables/<str:key>",
        FlowVariableViewSet.as_view(VARIABLE_METHODS),
    ),
    path("organization/variables", OrganizationVariablesViewSet.as_view(SET_METHODS)),
    path(
        "organization/variables/<str:key>",
        OrganizationVariableViewSet.as_view(VARIABLE_METHODS),
    ),
    path(
        "organization/environments",
        EnvironmentViewSet.as_view({"get": "environments", "post": "create"}),
    ),
    path(
        "organization/environments/<str:environment>",
        EnvironmentViewSet.as_view({"delete": "destroy"}),
    ),
    path(
        "organization/environments/<str:environment>/variables/<str:key>",
        EnvironmentVariableViewSet.as_view(VARIABLE_METHODS),
    ),
]
