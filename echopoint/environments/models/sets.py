"""Sets of variables, and the named environments that lie over an organization's."""

import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys.audit.events import Action
from apikeys.models import AuditEvent
from echopoint.core.characters import fold
from echopoint.core.locks import for_change
from echopoint.core.names import LOOKS_LIKE_A_KEY
from echopoint.core.redaction import holds_a_secret
from echopoint.environments.exceptions import EnvironmentConflict, InvalidVariable
from echopoint.environments.models.variable import Variable
from echopoint.environments.names import KEY_RULE, MAX_NAME_LENGTH, is_key, is_name
from echopoint.flows.models import Flow
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

MAX_ENVIRONMENTS = 50
MAX_VARIABLES = 1000  # of a set, those of its environments included
MAX_TOTAL_LENGTH = 1_048_576  # of their values

# Ids that are worked out, so that a set has its own before anything is written.
OWNERS = uuid.UUID("4f6f3f0e-6f0c-4f0e-9a39-0d5a4f6a8b11")
SETS = uuid.UUID("b0a3a2f4-52f5-4a55-8f4e-6f2f5a1c7d92")


class Layers(NamedTuple):
    """The variables of a set by key, and those of each environment by its name."""

    base: dict
    environments: dict


class VariableSetQuerySet(OrgOwnedQuerySet):
    """The sets of variables: one of each organization, and one of each flow."""

    def of(self, organization, flow=None):
        """Return the owner's set; before the first change it is in no table."""
        row = self.for_org(organization).filter(flow=flow).first()
        return row or self.unwritten(organization, flow)

    def unwritten(self, organization, flow):
        """Return the empty set of an owner, as old as the owner is."""
        at = (flow or organization).created_at
        variable_set = self.model(organization=organization, flow=flow)
        variable_set.created_at = variable_set.updated_at = at
        variable_set.pk = uuid.uuid5(SETS, str(variable_set.owner_id))
        return variable_set

    def lock(self, organization, flow=None):
        """Return the owner's set for a change; needs a transaction.

        Changes of a set and of the environments over it take turns.
        """
        rows = for_change(self.for_org(organization).filter(flow=flow))
        if row := rows.first():
            return row
        # Of two first changes one makes the row; the other waits for it here.
        self.bulk_create([self.unwritten(organization, flow)], ignore_conflicts=True)
        return rows.get()


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
        """Return the owner's UUID; an organization's own id is none, so it gets one."""
        return self.flow_id or uuid.uuid5(OWNERS, self.organization_id)

    @property
    def owner_type(self):
        return "flow" if self.flow_id else "organization"

    @property
    def owner_label(self):
        return (self.flow or self.organization).name

    @cached_property
    def layers(self):
        """Return the `Layers`; an environment without a variable has an empty one."""
        names = {}
        if not self.flow_id:
            own = Environment.objects.for_org(self.organization_id)
            names = dict(own.order_by("name").values_list("pk", "name"))
        layers = Layers({}, {name: {} for name in names.values()})
        for variable in self.variables.order_by("key"):
            if variable.environment_id is None:
                layers.base[variable.key] = variable
            elif name := names.get(variable.environment_id):  # else it is newer
                layers.environments[name][variable.key] = variable
        return layers

    def put(self, key: str, value: str, *, by, secret=False, environment=None, at=None):
        """Set a variable, in the base layer or over it; the set must be locked.

        Its event has the name, never the value.

        Raise `InvalidVariable` for what cannot be set, and `EnvironmentConflict` when
        the set is full.
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
        """Raise unless the set can hold the variable with a value of this length."""
        others = self.variables.exclude(pk=variable.pk)
        held = others.aggregate(count=Count("pk"), length=Sum("length", default=0))
        if held["count"] >= MAX_VARIABLES:
            raise EnvironmentConflict(
                f"There are {MAX_VARIABLES} variables here, and no more can be."
                " Delete one that is no longer needed.",
                metadata={"maxItems": MAX_VARIABLES},
            )
        if held["length"] + length > MAX_TOTAL_LENGTH:
            raise EnvironmentConflict(
                f"The values here would have more than {MAX_TOTAL_LENGTH} characters"
                " together. Shorten one, or delete one that is no longer needed.",
                metadata={"maxLength": MAX_TOTAL_LENGTH},
            )

    def remove(self, key: str, *, by, environment=None, at=None) -> bool:
        """Delete a variable, and return whether there was one; the set must be locked."""
        variable = self.variables.filter(environment=environment, key=key).first()
        if variable is None:
            return False
        self.touch(at or timezone.now(), environment)
        self.record(Action.VARIABLE_DELETED, variable, by)
        variable.delete()
        return True

    remove.alters_data = True

    def record(self, action, variable, by, **details):
        """Record what was done to a variable: its name and where it is, never its value."""
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
        """Delete every variable, those of environments too; the set must be locked.

        The environments themselves stay.
        """
        overlaid = Environment.objects.filter(variables__variable_set=self).distinct()
        environments = list(overlaid)
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
        """Say when the set, and environments over it, were changed."""
        for row in filter(None, (self, *environments)):
            row.updated_at = at
            row.save(update_fields=["updated_at"])
        self.__dict__.pop("layers", None)

    touch.alters_data = True


class EnvironmentQuerySet(OrgOwnedQuerySet):
    """The named environments of organizations."""

    def named(self, name):
        """Return the environment with exactly this name, or None."""
        return self.filter(name=name).first() if is_name(name) else None

    def add(self, organization, name: str, *, by, at=None):
        """Return a new environment; needs a transaction.

        Raise `EnvironmentConflict` when people would take the name for one that there
        is, or the limit is reached.
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
                f"There are {MAX_ENVIRONMENTS} environments, and no more can be."
                " Delete one that is no longer needed.",
                metadata={"maxItems": MAX_ENVIRONMENTS},
            )
        variable_set.touch(at)
        environment = self.create(
            organization=organization, name=name, created_at=at, updated_at=at
        )
        environment.record(Action.ENVIRONMENT_CREATED, by)
        return environment

    def discard(self, organization, name: str, *, by, at=None) -> bool:
        """Delete an environment with its variables, and return whether there was one.

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
    """A named environment, whose variables lie over the organization's."""

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
        """Record what was done to the environment."""
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("environment", str(self.pk), self.name),
            **details,
        )

    record.alters_data = True
