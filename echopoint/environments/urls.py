"""The paths of variables and environments; those of flows hang below the flow's."""

from django.urls import path

from echopoint.environments.api import (
    EnvironmentVariableViewSet,
    EnvironmentViewSet,
    FlowVariablesViewSet,
    FlowVariableViewSet,
    OrganizationVariablesViewSet,
    OrganizationVariableViewSet,
)

WHOLE = {"get": "retrieve", "delete": "destroy"}
SINGLE = {"put": "update", "delete": "destroy"}

urlpatterns = [
    path("flows/<str:id>/variables", FlowVariablesViewSet.as_view(WHOLE)),
    path("flows/<str:id>/variables/<str:key>", FlowVariableViewSet.as_view(SINGLE)),
    path("organization/variables", OrganizationVariablesViewSet.as_view(WHOLE)),
    path(
        "organization/variables/<str:key>",
        OrganizationVariableViewSet.as_view(SINGLE),
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
        EnvironmentVariableViewSet.as_view(SINGLE),
    ),
]
