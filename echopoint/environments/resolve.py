"""Resolve the variables of a flow for a launch."""

from typing import NamedTuple

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from echopoint.environments.exceptions import UnknownEnvironment
from echopoint.environments.models import Environment, Variable
from echopoint.masking.mask import MASK


class ResolvedInputs(NamedTuple):
    """The values of a flow's variables, including decrypted secrets. Never log them."""

    values: dict[str, str]
    secret_keys: list[str]

    def __repr__(self):
        shown = dict.fromkeys(self.values, MASK)
        return f"ResolvedInputs(values={shown}, secret_keys={self.secret_keys})"


@sensitive_variables()
def resolve(flow, environment_key: str = "") -> ResolvedInputs:
    """Return the inputs of a launch.

    Variables of the environment override those of the organization, and variables of the
    flow override both. An input is a secret if the variable that wins is one. Raise
    `UnknownEnvironment`, or `DecryptionError` if an encryption key is missing.
    """
    environment = get_environment(flow, environment_key) if environment_key else None
    variables = list(variables_in_layers(flow, environment))
    if environment and environment != get_environment(flow, environment_key):
        # The environment was deleted between the two queries, and its variables with it.
        # The flow would silently run with the organization's values, for example against
        # production instead of staging.
        raise UnknownEnvironment
    return decrypt(sorted(variables, key=precedence))


@sensitive_variables()
def flow_variables(flow) -> ResolvedInputs:
    """Return the variables of the flow alone, as the overrides of a called flow."""
    return decrypt(Variable.objects.filter(variable_set__flow=flow))


@sensitive_variables()
def decrypt(variables):
    """Return the inputs of the variables; later ones override earlier ones.

    Only the variables that win are decrypted, so that a lost key of an overridden one
    does not prevent the launch.
    """
    effective = {variable.key: variable for variable in variables}
    values = {key: effective[key].value.decrypt() for key in sorted(effective)}
    return ResolvedInputs(values, [key for key in values if effective[key].secret])


def get_environment(flow, name):
    """Return the environment of the flow's organization; raise `UnknownEnvironment`."""
    environment = Environment.objects.for_org(flow.organization_id).named(name)
    if environment is None:
        raise UnknownEnvironment
    return environment


def variables_in_layers(flow, environment):
    """Return the variables of organization, environment and flow, unordered."""
    own_organization = Q(variable_set__organization=flow.organization_id)
    layers = Q(variable_set__flow=None, environment=None) | Q(variable_set__flow=flow)
    if environment:
        layers |= Q(environment=environment)
    rows = Variable.objects.filter(own_organization & layers)
    return rows.select_related("variable_set")


def variable_keys(flow) -> set[str]:
    """Return the keys that the flow could have values for, in any environment."""
    layers = Q(variable_set__flow=None) | Q(variable_set__flow=flow)
    rows = Variable.objects.filter(
        layers, variable_set__organization=flow.organization_id
    )
    return set(rows.values_list("key", flat=True).distinct())


def precedence(variable):
    """Sort key: organization first, then environment, then flow, which overrides both."""
    return bool(variable.variable_set.flow_id), bool(variable.environment_id)
