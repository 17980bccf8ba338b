"""Endpoints of variables and environments."""

from django.db import transaction
from django.http import Http404
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from echopoint.api.actions import Action
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.locks import for_change
from echopoint.environments.models import Environment, VariableSet
from echopoint.environments.serializers import (
    CreateEnvironmentRequestSerializer,
    EnvironmentListResponseSerializer,
    EnvironmentSerializer,
    SetVariableRequestSerializer,
    VariableSetSerializer,
)
from echopoint.flows.models import Flow


class VariableSetViewSet(OrgScopedViewSet):
    """Base of the endpoints for variables; by default those of the organization."""

    tag = "Environments"
    queryset = VariableSet.objects.all()
    serializer_class = VariableSetSerializer

    def variable_set(self):
        """Return the set; locked unless the request only reads."""
        sets = VariableSet.objects
        reads = self.request.method in SAFE_METHODS
        return (sets.for_owner if reads else sets.lock)(self.organization, self.flow())

    def flow(self):
        return None

    def environment(self):
        return None


class FlowMixin:
    """Selects the variables of the flow in the path."""

    tag = "Flows"
    queryset = Flow.objects.all()

    def flow(self):
        """Return the flow, or raise 404; locked unless the request only reads."""
        # Without the lock, the flow could be deleted before its variable is inserted, and
        # the foreign key would fail with a 500.
        reads = self.request.method in SAFE_METHODS
        flows = self.get_queryset()
        flows = flows if reads else for_change(flows)
        return self.find(flows, self.kwargs["id"])


class EnvironmentMixin:
    """Selects the variables of the environment in the path."""

    def environment(self):
        """Return the environment, or raise 404. Call it after `variable_set()`.

        The lock of the set prevents a deletion before the variable is inserted.
        """
        own = Environment.objects.for_org(self.organization)
        if environment := own.named(self.kwargs["environment"]):
            return environment
        raise Http404


class SetActions:
    """Show and clear a set of variables."""

    def retrieve(self, request, **path):
        return self.show(self.variable_set())

    @transaction.atomic
    def destroy(self, request, **path):
        self.variable_set().clear(by=self.actor)
        return Response(status=204)


class VariableActions:
    """Set and delete one variable of a set."""

    @transaction.atomic
    def update(self, request, key, **path):
        """Set the variable and return the set. A secret cannot become a plain variable."""
        variable_set, environment = self.variable_set(), self.environment()
        variable_set.put(key, environment=environment, by=self.actor, **self.body())
        return self.show(variable_set)

    @transaction.atomic
    def destroy(self, request, key, **path):
        variable_set, environment = self.variable_set(), self.environment()
        if not variable_set.remove(key, environment=environment, by=self.actor):
            raise Http404
        return Response(status=204)


class FlowVariablesViewSet(SetActions, FlowMixin, VariableSetViewSet):
    """The variables of a flow."""

    api_actions = {
        "retrieve": Action(id="getFlowVariables", scopes=["flows:read"]),
        "destroy": Action(
            id="deleteFlowVariables", scopes=["flows:delete"], status=204
        ),
    }


class FlowVariableViewSet(VariableActions, FlowMixin, VariableSetViewSet):
    """A variable of a flow."""

    api_actions = {
        "update": Action(
            id="setFlowVariable",
            scopes=["flows:update"],
            body=SetVariableRequestSerializer,
            conflicts=True,
        ),
        "destroy": Action(id="deleteFlowVariable", scopes=["flows:delete"], status=204),
    }


class OrganizationVariablesViewSet(SetActions, VariableSetViewSet):
    """The variables of the organization."""

    api_actions = {
        "retrieve": Action(id="getOrganizationVariables", scopes=["environment:read"]),
        "destroy": Action(
            id="deleteOrganizationVariables",
            scopes=["environment:delete"],
            status=204,
        ),
    }

    def destroy(self, request):
        """Delete all variables, including those of environments. The environments remain."""
        return super().destroy(request)


class OrganizationVariableViewSet(VariableActions, VariableSetViewSet):
    """A variable of the organization."""

    api_actions = {
        "update": Action(
            id="setOrganizationVariable",
            scopes=["environment:update"],
            body=SetVariableRequestSerializer,
            conflicts=True,
        ),
        "destroy": Action(
            id="deleteOrganizationVariable",
            scopes=["environment:delete"],
            status=204,
        ),
    }


class EnvironmentVariableViewSet(VariableActions, EnvironmentMixin, VariableSetViewSet):
    """A variable of an environment."""

    api_actions = {
        "update": Action(
            id="setEnvironmentVariable",
            scopes=["environment:update"],
            body=SetVariableRequestSerializer,
            conflicts=True,
        ),
        "destroy": Action(
            id="deleteEnvironmentVariable",
            scopes=["environment:delete"],
            status=204,
        ),
    }


class EnvironmentViewSet(OrgScopedViewSet):
    """The named environments of the organization."""

    tag = "Environments"
    queryset = Environment.objects.order_by("name")
    serializer_class = EnvironmentSerializer
    api_actions = {
        "environments": Action(
            id="listEnvironments",
            scopes=["environment:read"],
            answer=EnvironmentListResponseSerializer,
        ),
        "create": Action(
            id="createEnvironment",
            scopes=["environment:create"],
            body=CreateEnvironmentRequestSerializer,
            status=201,
            conflicts=True,
        ),
        "destroy": Action(
            id="deleteEnvironment", scopes=["environment:delete"], status=204
        ),
    }

    def environments(self, request):
        """Return all environments. Not paginated."""
        return self.show({"items": self.get_queryset()})

    @transaction.atomic
    def create(self, request):
        name = self.body()["name"]
        added = Environment.objects.add(self.organization, name, by=self.actor)
        return self.show(added, 201)

    @transaction.atomic
    def destroy(self, request, environment):
        """Delete the environment with its variables."""
        environments = Environment.objects
        if not environments.discard(self.organization, environment, by=self.actor):
            raise Http404
        return Response(status=204)
