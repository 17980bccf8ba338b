"""Variables: an organization's, those of its named environments, and those of flows."""

import re
import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Count, Q, Sum
from django.utils import timezone

from echopoint.environments.exceptions import EnvironmentConflict, InvalidVariable
from echopoint.environments.sealed import MASK, SealedTextField
from echopoint.flows.models import Flow
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

KEY_PATTERN = "[A-Za-z_][A-Za-z0-9_-]*"
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]*"
MAX_NAME_LENGTH = 255
MAX_VALUE_LENGTH = 65_536
MAX_ENVIRONMENTS = 50
MAX_VARIABLES = 1000
MAX_TOTAL_LENGTH = 1_048_576

# Ids that are worked out, so that a set has its own before anything is written.
OWNERS = uuid.UUID("4f6f3f0e-6f0c-4f0e-9a39-0d5a4f6a8b11")
SETS = uuid.UUID("b0a3a2f4-52f5-4a55-8f4e-6f2f5a1c7d92")


def owner_id(organization, flow=None) -> uuid.UUID:
    """Return the id of a set's owner; an organization's own id is no UUID."""
    return flow.pk if flow else uuid.uuid5(OWNERS, organization.pk)


def is_name(pattern, text):
    """Whether the text is a name of this pattern, and not too long."""
    return len(text) <= MAX_NAME_LENGTH and bool(re.fullmatch(pattern, text))


class Layers(NamedTuple):
    """The variables of a set by key, and those of each environment by its name."""

    base: dict
    environments: dict


class VariableSetQuerySet(OrgOwnedQuerySet):
    """The sets of variables: one of each organization, and one of each flow."""

    def of(self, organization, flow=None):
        """Return the owner's set; before its first variable it is in no table."""
        row = self.for_org(organization).filter(flow=flow).first()
        return row or self.unwritten(organization, flow)

    def unwritten(self, organization, flow):
        """Return the empty set of an owner, as old as the owner is."""
        created_at = (flow or organization).created_at
        return self.model(
            pk=uuid.uuid5(SETS, str(owner_id(organization, flow))),
            organization=organization,
            flow=flow,
            created_at=created_at,
            updated_at=created_at,
        )

    def lock(self, organization, flow=None):
        """Return the owner's set for a change; needs a transaction.

        Changes of a set and of the environments over it take turns.
        """
        rows = self.for_org(organization).filter(flow=flow).select_for_update()
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
        return owner_id(self.organization, self.flow)

    @property
    def owner_type(self):
        return "flow" if self.flow_id else "organization"

    def layers(self):
        """Return the `Layers`; an environment without a variable has an empty one."""
        layers = Layers({}, {})
        names = {}
        if not self.flow_id:
            of_organization = Environment.objects.for_org(self.organization)
            names = dict(of_organization.order_by("name").values_list("pk", "name"))
            layers.environments.update((name, {}) for name in names.values())
        for variable in self.variables.order_by("key"):
            overlay = names.get(variable.environment_id)
            layer = layers.base if overlay is None else layers.environments[overlay]
            layer[variable.key] = variable
        return layers

    def put(self, key: str, value: str, *, secret=False, environment=None, at=None):
        """Set a variable, in the base layer or over it; the set must be locked.

        Raise `InvalidVariable` for what cannot be set, and `EnvironmentConflict` when
        the set is full.
        """
        at = at or timezone.now()
        if not is_name(KEY_PATTERN, key):
            raise InvalidVariable(
                "key",
                "A variable's key begins with a letter or _, goes on with letters,"
                f" digits, _ and -, and has at most {MAX_NAME_LENGTH} characters.",
            )
        variable = self.variables.filter(environment=environment, key=key).first()
        variable = variable or Variable(
            variable_set=self, environment=environment, key=key, created_at=at
        )
        variable.require_settable(value, secret)
        self.require_room(variable, len(value))
        variable.value, variable.length, variable.secret = value, len(value), secret
        variable.updated_at = at
        variable.save()
        self.touch(environment, at)
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

    def remove(self, key: str, *, environment=None, at=None) -> bool:
        """Delete a variable, and return whether there was one; the set must be locked."""
        gone, _ = self.variables.filter(environment=environment, key=key).delete()
        if gone:
            self.touch(environment, at or timezone.now())
        return bool(gone)

    remove.alters_data = True

    def clear(self, *, at=None):
        """Delete every variable, those over it too; the set must be locked.

        The environments themselves stay.
        """
        if self.variables.all().delete()[0]:
            at = at or timezone.now()
            self.touch(None, at)
            if not self.flow_id:
                Environment.objects.for_org(self.organization).update(updated_at=at)

    clear.alters_data = True

    def touch(self, environment, at):
        """Say when the set, and the environment in it, were changed."""
        for row in filter(None, (self, environment)):
            row.updated_at = at
            row.save(update_fields=["updated_at"])

    touch.alters_data = True


class EnvironmentQuerySet(OrgOwnedQuerySet):
    """The named environments of organizations."""

    def named(self, name):
        """Return the environment with exactly this name, or None."""
        return self.filter(name=name).first() if is_name(NAME_PATTERN, name) else None

    def add(self, organization, name: str, *, at=None):
        """Return a new environment; needs a transaction.

        Raise `EnvironmentConflict` when the name is taken, or the limit is reached.
        """
        at = at or timezone.now()
        variable_set = VariableSet.objects.lock(organization)
        existing = self.for_org(organization)
        if existing.named(name):
            raise EnvironmentConflict(
                "The organization has an environment of this name. Choose another."
            )
        if existing.count() >= MAX_ENVIRONMENTS:
            raise EnvironmentConflict(
                f"There are {MAX_ENVIRONMENTS} environments, and no more can be."
                " Delete one that is no longer needed.",
                metadata={"maxItems": MAX_ENVIRONMENTS},
            )
        variable_set.touch(None, at)
        return self.create(
            organization=organization, name=name, created_at=at, updated_at=at
        )


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


class Variable(models.Model):
    """A variable. Every value is encrypted; those of secrets are shown to nobody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    variable_set = models.ForeignKey(
        VariableSet, on_delete=models.CASCADE, related_name="variables"
    )
    environment = models.ForeignKey(
        Environment,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="variables",
        db_index=False,  # the constraint's index begins with it
    )
    key = models.CharField(max_length=MAX_NAME_LENGTH)
    value = SealedTextField()
    length = models.PositiveIntegerField(help_text="Of the value, in characters.")
    secret = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["variable_set", "key"],
                condition=Q(environment=None),
                name="variable_key_unique_in_set",
            ),
            models.UniqueConstraint(
                fields=["environment", "key"], name="variable_key_unique_in_environment"
            ),
        ]

    def __str__(self):
        return self.key

    @property
    def organization_id(self):
        return self.variable_set.organization_id

    @property
    def shown(self):
        """Return the value as readers may see it."""
        return MASK if self.secret else self.value.reveal()

    def require_settable(self, value, secret):
        """Raise unless the variable may become this, plain or secret."""
        if self.secret and not secret:
            raise InvalidVariable(
                "secret",
                "This variable is a secret, and stays one: send secret: true. To have a"
                " plain one, delete it first.",
            )
        if secret and value == MASK:
            # A client that writes back what it read would lose the secret.
            raise InvalidVariable(
                "value",
                f"{MASK} stands for a secret that is not shown. Send the secret itself,"
                " or leave the variable as it is.",
            )
        if len(value) > MAX_VALUE_LENGTH:
            raise InvalidVariable(
                "value", f"A value has at most {MAX_VALUE_LENGTH} characters."
            )
