"""A model field whose text is encrypted, and decrypted only by an explicit call."""

from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from echopoint.environments.keyring import keyring
from echopoint.masking.mask import MASK

LOOKUPS = {"exact", "in", "isnull"}  # they compare ciphertexts


@dataclass(frozen=True, slots=True, repr=False)
class EncryptedText:
    """Encrypted text. Its str and repr are `***`, so that logs and pages cannot leak it."""

    ciphertext: str

    @classmethod
    def of(cls, text: str) -> "EncryptedText":
        return cls(keyring().encrypt(text))

    def decrypt(self) -> str:
        """Return the plain text; raise `DecryptionError` if no configured key decrypts it."""
        return keyring().decrypt(self.ciphertext)

    def reencrypt(self) -> "EncryptedText":
        """Encrypt the same text with the first key; raise `DecryptionError` as `decrypt`."""
        return self.of(self.decrypt())

    def __repr__(self):
        return MASK


class EncryptedAttribute(DeferredAttribute):
    """Encrypts text when it is assigned.

    Not only when it is saved: an instance with plain text would show it in tracebacks,
    pickles and `vars()`.
    """

    def __set__(self, instance, value):
        if isinstance(value, str):
            value = EncryptedText.of(value)
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):
    """A column of encrypted text: assign a str, and call `decrypt()` on the value.

    It cannot be searched, because equal texts have different ciphertexts. Forms omit it.
    """

    descriptor_class = EncryptedAttribute

    def from_db_value(self, value, expression, connection):
        return None if value is None else EncryptedText(value)

    def to_python(self, value):
        # Fixtures contain ciphertext. Encrypting it again would make it unreadable.
        return EncryptedText(value) if isinstance(value, str) else value

    def get_lookup(self, lookup_name):
        # Other lookups would search the ciphertext and never match. Without a lookup,
        # Django raises FieldError instead.
        return super().get_lookup(lookup_name) if lookup_name in LOOKUPS else None

    def get_prep_value(self, value):
        if isinstance(value, str):
            raise TypeError(
                f"{self.name} is encrypted and cannot be searched by its text."
            )
        return value.ciphertext if isinstance(value, EncryptedText) else value

    def get_db_prep_save(self, value, connection):
        # update() and bulk_update() pass the value here without an assignment.
        if isinstance(value, str):
            value = EncryptedText.of(value)
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        return value.ciphertext if isinstance(value, EncryptedText) else value

    def formfield(self, **kwargs):
        return None


def encrypted_fields():
    """Yield (model, field) for every encrypted column."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedTextField) and model._meta.managed:
                yield model, field
