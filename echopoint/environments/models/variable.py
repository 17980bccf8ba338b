"""A variable, wherever it lies."""

import uuid

from django.db import models
from django.db.models import Q

from echopoint.environments.exceptions import InvalidVariable
from echopoint.environments.names import MAX_NAME_LENGTH
from echopoint.environments.sealed import SealedTextField
from echopoint.masking.mask import MASK

MAX_VALUE_LENGTH = 65_536


class Variable(models.Model):
    """A variable. Every value is encrypted; those of secrets are shown to nobody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    variable_set = models.ForeignKey(
        "environments.VariableSet", on_delete=models.CASCADE, related_name="variables"
    )
    environment = models.ForeignKey(
        "environments.Environment",
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
