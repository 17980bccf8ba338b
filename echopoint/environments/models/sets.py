"""Sets of variables, and the environments that override an organization's variables."""

import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys.audit.events import Action
from apikeys.models import AuditEvent
from echopoint.core.characters import fold
from echopoint.core.names import LOOKS_LIKE_A_KEY
from echopoint.core.redaction import holds_a_secret
from echopoint.environments.exceptions import EnvironmentConflict, InvalidVariable
from echopoint.environments.models.variable import Variable
from echopoint.environments.models.variable_set_queryset import VariableSetQuerySet
from echopoint.environments.names import KEY_RULE, MAX_NAME_LENGTH, is_key, is_name
from echopoint.flows.models import Flow
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

MAX_ENVIRONMENTS = 50
MAX_VARIABLES = 1000  # per set, including its environments
MAX_TOTAL_LENGTH = 1_048_576  # characters of all values in a set

# Never change this constant: the id of each organization's set is derived from it
# (UUIDv5).
OWNER_NAMESPACE = uuid.UUID("4f6f3f0e-6f0c-4f0e-9a39-0d5a4f6a8b11")


class Layers(NamedTuple):
    """The variables of a set by key, and those of each environment by its name."""

    base: dict
    environments: dict


class VariableSet(OrgOwned):
    """The variables of an organization or of a flow."""

    id = models.UUIDField(primary_key=True, editable=False)
    flow = models.OneToOneField(
        Flow,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="variable_set",
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = VariableSetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(flow=None),
                name="variable_set_of_organization_unique",
            )
        ]

    def __str__(self):
        return f"Variables of {self.flow or self.organization}"

    @property
    def owner_id(self):
        """The owner's UUID; derived for an organization, whose id is not a UUID."""
        return self.flow_id or uuid.uuid5(OWNER_NAMESPACE, self.organization_id)

    @property
    def owner_type(self):
        return "flow" if self.flow_id else "organization"

    @property
    def owner_label(self):
        return (self.flow or self.organization).name

    @cached_property
    def layers(self):
        """The variables as `Layers`; includes environments without variables."""
        names = {}
        if not self.flow_id:
            own = Environment.objects.for_org(self.organization_id)
            names = dict(own.order_by("name").values_list("pk", "name"))
        layers = Layers({}, {name: {} for name in names.values()})
        for variable in self.variables.order_by("key"):
            if variable.environment_id is None:
                layers.base[variable.key] = variable
            # Skip environments created since the first query. Their variables must not
            # fall into the base layer.
            elif name := names.get(variable.environment_id):
                layers.environments[name][variable.key] = variable
        return layers

    def put(self, key: str, value: str, *, by, secret=False, environment=None, at=None):
        """Set a variable of the base layer or an environment; the set must be locked.

        The audit event contains the key, never the value. Raise `InvalidVariable`, or
        `EnvironmentConflict` if the set is full.
        """
        at = at or timezone.now()
        if not is_key(key):
            raise InvalidVariable("key", KEY_RULE)
        if holds_a_secret(key):
            raise InvalidVariable("key", LOOKS_LIKE_A_KEY)
        variable = self.variables.filter(environment=environment, key=key).first()
        variable = variable or Variable(
            variable_set=self, environment=environment, key=key, created_at=at
        )
        variable.require_settable(value, secret)
        self.require_room(variable, len(value))
        variable.value, variable.length, variable.secret = value, len(value), secret
        variable.updated_at = at
        variable.save()
        self.touch(at, environment)
        self.record(Action.VARIABLE_WRITTEN, variable, by, secret=secret)
        return variable

    put.alters_data = True

    def require_room(self, variable, length):
        """Raise `EnvironmentConflict` if the variable would exceed a limit of the set."""
        others = self.variables.exclude(pk=variable.pk)
        held = others.aggregate(count=Count("pk"), length=Sum("length", default=0))
        if held["count"] >= MAX_VARIABLES:
            raise EnvironmentConflict(
                f"The limit of {MAX_VARIABLES} variables is reached. Delete one that is no"
                " longer needed.",
                metadata={"maxItems": MAX_VARIABLES},
            )
        if held["length"] + length > MAX_TOTAL_LENGTH:
            raise EnvironmentConflict(
                f"The values would exceed {MAX_TOTAL_LENGTH} characters in total. Shorten"
                " one, or delete one that is no longer needed.",
                metadata={"maxLength": MAX_TOTAL_LENGTH},
            )

    def remove(self, key: str, *, by, environment=None, at=None) -> bool:
        """Delete a variable; return whether it existed. The set must be locked."""
        variable = self.variables.filter(environment=environment, key=key).first()
        if variable is None:
            return False
        self.touch(at or timezone.now(), environment)
        self.record(Action.VARIABLE_DELETED, variable, by)
        variable.delete()
        return True

    remove.alters_data = True

    def record(self, action, variable, by, **details):
        """Record an audit event of a variable: its key and place, never its value."""
        if variable.environment:
            details["environment"] = variable.environment.name
        if self.flow:
            details["flow"] = self.flow.name
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("variable", str(variable.pk), variable.key),
            **details,
        )

    record.alters_data = True

    def clear(self, *, by, at=None):
        """Delete all variables, including those of environments; the set must be locked.

        The environments remain.
        """
        affected = Environment.objects.filter(variables__variable_set=self).distinct()
        environments = list(affected)
        count, _ = self.variables.all().delete()
        if not count:
            return
        self.touch(at or timezone.now(), *environments)
        AuditEvent.objects.record(
            Action.VARIABLES_CLEARED,
            organization=self.organization,
            actor=by,
            target=("variable_set", str(self.pk), self.owner_label),
            count=count,
            **({"flow": self.flow.name} if self.flow else {}),
        )

    clear.alters_data = True

    def touch(self, at, *environments):
        """Update the modification time of the set and of these environments."""
        for row in filter(None, (self, *environments)):
            row.updated_at = at
            row.save(update_fields=["updated_at"])
        self.__dict__.pop("layers", None)

    touch.alters_data = True


class EnvironmentQuerySet(OrgOwnedQuerySet):
    """Named environments of organizations."""

    def named(self, name):
        """Return the environment with exactly this name, or None."""
        return self.filter(name=name).first() if is_name(name) else None

    def add(self, organization, name: str, *, by, at=None):
        """Create an environment; needs a transaction.

        Raise `EnvironmentConflict` if the organization has an environment with this name,
        regardless of case, or if the limit is reached.
        """
        at = at or timezone.now()
        variable_set = VariableSet.objects.lock(organization)
        names = list(self.for_org(organization).values_list("name", flat=True))
        if taken := [other for other in names if fold(other) == fold(name)]:
            raise EnvironmentConflict(
                f'The organization has an environment "{taken[0]}". Choose a name that'
                " differs in more than case."
            )
        if len(names) >= MAX_ENVIRONMENTS:
            raise EnvironmentConflict(
                f"The limit of {MAX_ENVIRONMENTS} environments is reached. Delete one that"
                " is no longer needed.",
                metadata={"maxItems": MAX_ENVIRONMENTS},
            )
        variable_set.touch(at)
        environment = self.create(
            organization=organization, name=name, created_at=at, updated_at=at
        )
        environment.record(Action.ENVIRONMENT_CREATED, by)
        return environment

    def discard(self, organization, name: str, *, by, at=None) -> bool:
        """Delete an environment with its variables; return whether it existed.

        Needs a transaction.
        """
        variable_set = VariableSet.objects.lock(organization)
        if environment := self.for_org(organization).named(name):
            count = environment.variables.count()
            variable_set.touch(at or timezone.now())
            environment.record(Action.ENVIRONMENT_DELETED, by, count=count)
            environment.delete()
        return bool(environment)


class Environment(OrgOwned):
    """A named environment. Its variables override those of the organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="environment_name_unique"
            )
        ]

    def __str__(self):
        return self.name

    def record(self, action, by, **details):
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("environment", str(self.pk), self.name),
            **details,
        )

    record.alters_data = True
