"""The name and the description of a key."""

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apikeys import policy
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models.audit import AuditEvent
from apikeys.required_fields import require_description
from echopoint.core.names import name_error

Action = AuditEvent.Action


class Naming(models.Model):
    """The part of a key that people recognize it by."""

    class Meta:
        abstract = True

    @transaction.atomic
    def rename(self, name, *, by, at=None):
        """Give the key another name; return whether it changed.

        Its predecessors and successors keep their names, and so do older audit events.
        Raise `InvalidKeyRequest` if the name is invalid or another key has it, and
        `KeyConflict` for a revoked key.
        """
        by.require_fresh()
        at = at or timezone.now()
        require_name(name, type(self))
        key = self.locked_unrevoked()
        before, self.name = key.name, key.name
        if name == before:
            return False
        key.name = name
        key._save_name(at)
        self.name, self.name_key = key.name, key.name_key
        self.namesake = key.namesake
        self.record(Action.RENAMED, by, at=at, before=before, after=name)
        return True

    rename.alters_data = True

    def _save_name(self, at):
        """Store the name of the locked key, unless another key has it."""
        keys, field = type(self).objects, self._meta.get_field("name_key")
        # Another spelling of its own name: the key holds it, or its successor does.
        is_same = self.name_key == field.get_prep_value(self.name)
        if not is_same:
            keys.require_name_is_free(self.organization, self.name, at)
            # The new name is not shared with a key from before names were folded.
            self.namesake = ""
        try:
            with transaction.atomic():
                self.save(update_fields=["name", "name_key", "namesake"])
        except IntegrityError:
            # A concurrent request took the name after it was checked.
            keys.require_name_is_free(self.organization, self.name, at)
            raise

    @transaction.atomic
    def set_description(self, description, *, by, at=None):
        """Set the description; an empty one removes it. Return whether it changed.

        Raise `InvalidKeyRequest` for invalid text, or if the policy requires a description
        and this would remove it, and `KeyConflict` for a revoked key.
        """
        by.require_fresh()
        description = checked_description(description, type(self))
        # Lock order: the organization, then the key.
        current = policy.locked(self.organization)
        before = self.locked_unrevoked().description
        if before:
            require_description(current, description)
        self.description = description
        if before == description:
            return False
        self.save(update_fields=["description"])
        self.record(
            Action.DESCRIPTION_CHANGED, by, at=at, before=before, after=description
        )
        return True

    set_description.alters_data = True


def require_name(name, model):
    """Raise `InvalidKeyRequest` unless the text is allowed as the name of a key."""
    if not name.strip():
        raise InvalidKeyRequest("name", "Give the key a name.")
    require_text("name", name, model)
    if name != name.strip():
        raise InvalidKeyRequest("name", "Remove the spaces around the name.")


def checked_description(description, model):
    """Return the description without surrounding spaces; raise `InvalidKeyRequest`."""
    require_text("description", description, model)
    return description.strip()


def require_text(field, text, model, column=""):
    """Raise `InvalidKeyRequest` unless the column can store the text unchanged.

    `column` defaults to the name of the field.
    """
    maximum = model._meta.get_field(column or field).max_length
    if len(text) > maximum:
        raise InvalidKeyRequest(
            field,
            f"Use at most {maximum} characters; these are {len(text)}.",
            metadata={"maxLength": maximum},
        )
    if message := name_error(text):
        raise InvalidKeyRequest(field, message)
