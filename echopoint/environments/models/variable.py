"""A variable of an organization, environment or flow."""

import uuid

from django.db import models
from django.db.models import Q

from echopoint.environments.encrypted_text import EncryptedTextField
from echopoint.environments.exceptions import InvalidVariable
from echopoint.environments.names import MAX_NAME_LENGTH
from echopoint.masking.mask import MASK

MAX_VALUE_LENGTH = 65_536


class Variable(models.Model):
    """A variable. All values are encrypted; the API never returns those of secrets."""

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
    value = EncryptedTextField()
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
    def masked_value(self):
        """The value; `***` for a secret, which is not decrypted."""
        return MASK if self.secret else self.value.decrypt()

    def require_settable(self, value, secret):
        """Raise `InvalidVariable` unless the variable may have this value."""
        # Otherwise an update that omits `secret` would show the next value to readers.
        if self.secret and not secret:
            raise InvalidVariable(
                "secret",
                "This variable is a secret: send secret: true. To make it a plain"
                " variable, delete it first.",
            )
        if secret and value == MASK:
            # A client that sends back what it read would overwrite the secret.
            raise InvalidVariable(
                "value",
                f"{MASK} is the placeholder of a secret. Send the secret itself, or do not"
                " update the variable.",
            )
        if len(value) > MAX_VALUE_LENGTH:
            raise InvalidVariable(
                "value", f"A value has at most {MAX_VALUE_LENGTH} characters."
            )
