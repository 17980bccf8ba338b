"""What a flow's variables are when it is launched."""

from typing import NamedTuple

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from echopoint.environments.exceptions import UnknownEnvironment
from echopoint.environments.models import Environment, Variable
from echopoint.masking.mask import MASK


class ResolvedInputs(NamedTuple):
    """The values that a flow starts with, in the open: they belong in no log."""

    values: dict[str, str]
    secret_keys: list[str]

    def __repr__(self):
        shown = dict.fromkeys(self.values, MASK)
        return f"ResolvedInputs(values={shown}, secret_keys={self.secret_keys})"


@sensitive_variables()
def resolve(flow, environment_key: str = "") -> ResolvedInputs:
    """Return the inputs: organization, over it the environment, over it the flow.

    A variable is a secret when the one that counts is. Raise `UnknownEnvironment` for a
    name the organization does not have, and `Unreadable` when a key is missing.
    """
    environment = environment_of(flow, environment_key) if environment_key else None
    variables = list(layers_of(flow, environment))
    if environment and environment != environment_of(flow, environment_key):
        # Deleted in between: its variables are missing, and those below are no stand-in.
        raise UnknownEnvironment
    return opened(sorted(variables, key=rank))


@sensitive_variables()
def flow_variables(flow) -> ResolvedInputs:
    """Return the flow's own variables alone, as a flow that calls it overrides its own."""
    return opened(Variable.objects.filter(variable_set__flow=flow))


@sensitive_variables()
def opened(variables):
    """Return the inputs that these variables are, the later one of a key counting."""
    effective = {variable.key: variable for variable in variables}
    values = {key: effective[key].value.reveal() for key in sorted(effective)}
    return ResolvedInputs(values, [key for key in values if effective[key].secret])


def environment_of(flow, name):
    """Return the environment of the flow's organization, or raise."""
    environment = Environment.objects.for_org(flow.organization_id).named(name)
    if environment is None:
        raise UnknownEnvironment
    return environment


def layers_of(flow, environment):
    """Return the variables of all layers, in no order."""
    own_organization = Q(variable_set__organization=flow.organization_id)
    layers = Q(variable_set__flow=None, environment=None) | Q(variable_set__flow=flow)
    if environment:
        layers |= Q(environment=environment)
    rows = Variable.objects.filter(own_organization & layers)
    return rows.select_related("variable_set")


def names_for(flow) -> set[str]:
    """Return the keys that the flow has values for in any environment, or in none."""
    layers = Q(variable_set__flow=None) | Q(variable_set__flow=flow)
    rows = Variable.objects.filter(
        layers, variable_set__organization=flow.organization_id
    )
    return set(rows.values_list("key", flat=True).distinct())


def rank(variable):
    """Return how high the variable's layer is."""
    return bool(variable.variable_set.flow_id), bool(variable.environment_id)
