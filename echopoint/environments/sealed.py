"""Text that is encrypted before a model has it, and opened on an explicit call alone."""

from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from echopoint.environments.keyring import keyring
from echopoint.masking.mask import MASK

LOOKUPS = {"exact", "in", "isnull"}  # by what is stored, never by the text


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """Encrypted text. Printed, logged or serialized it is a mask; `reveal` opens it."""

    ciphertext: str

    @classmethod
    def of(cls, text: str) -> "Sealed":
        return cls(keyring().seal(text))

    def reveal(self) -> str:
        """Return the text; raise `Unreadable` when no configured key opens it."""
        return keyring().open(self.ciphertext)

    def resealed(self) -> "Sealed":
        """Return the same text under the first key; raise `Unreadable` as above."""
        return self.of(self.reveal())

    def __repr__(self):
        return MASK


class SealedAttribute(DeferredAttribute):
    """Seals a text as it is assigned, so that no instance ever holds it in the open."""

    def __set__(self, instance, value):
        if isinstance(value, str):
            value = Sealed.of(value)
        instance.__dict__[self.field.attname] = value


class SealedTextField(models.TextField):
    """A column of sealed text: assign a str, and call `reveal()` on what is there.

    It cannot be searched, as the same text is encrypted differently each time, and no
    form shows it.
    """

    descriptor_class = SealedAttribute

    def from_db_value(self, value, expression, connection):
        return None if value is None else Sealed(value)

    def to_python(self, value):
        # Strings come here from fixtures, which hold what the column holds.
        return Sealed(value) if isinstance(value, str) else value

    def get_lookup(self, lookup_name):
        return super().get_lookup(lookup_name) if lookup_name in LOOKUPS else None

    def get_prep_value(self, value):
        if isinstance(value, str):
            raise TypeError(
                f"{self.name} is sealed, and cannot be searched for a text."
            )
        return value.ciphertext if isinstance(value, Sealed) else value

    def get_db_prep_save(self, value, connection):
        if isinstance(value, str):
            value = Sealed.of(value)
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        return value.ciphertext if isinstance(value, Sealed) else value

    def formfield(self, **kwargs):
        return None


def sealed_fields():
    """Yield (model, field) for every column of sealed text."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, SealedTextField) and model._meta.managed:
                yield model, field
