"""Fields that take a value as it is or refuse it; DRF's own would convert."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.core.names import (
    LOOKS_LIKE_A_KEY,
    refuse_key,
    refuse_secret,
    validate_machine_name,
    validate_name,
)
from echopoint.core.redaction import keys_in
from echopoint.flow_language.words import HTTP_METHODS


def refuse_keys(value):
    """Raise unless a JSON value is without keys, with the path of each."""
    if found := dict.fromkeys(keys_in(value), [LOOKS_LIKE_A_KEY]):
        raise serializers.ValidationError(
            {path or "non_field_errors": told for path, told in found.items()}
        )


class Text(serializers.CharField):
    """A string; a number or a boolean is not one."""

    default_error_messages = {"invalid": "This must be a string."}

    def __init__(self, **options):
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextOrNull(serializers.CharField):
    """A stored string; null on the wire where there is none."""

    def __init__(self, **options):
        super().__init__(allow_null=True, **options)

    def to_representation(self, value):
        return value or None


class Label(Text):
    """A name as a program gives it: seen by all, and no secret."""

    def __init__(self, **options):
        super().__init__(**options)
        self.validators.append(validate_name)


class MachineName(Text):
    """A name that a program made up: seen by all, no key, and random if it likes."""

    def __init__(self, **options):
        super().__init__(**options)
        self.validators.append(validate_machine_name)


class MachineNote(Text):
    """What a program says, in any characters; no key."""

    def __init__(self, **options):
        super().__init__(**options)
        self.validators.append(refuse_key)


class Name(Label):
    """A name people gave: not blank, without the spaces around it."""

    def __init__(self, **options):
        super().__init__(trim_whitespace=True, min_length=1, **options)


class Note(Text):
    """What is said of a thing, in any characters; no secret."""

    def __init__(self, **options):
        super().__init__(**options)
        self.validators.append(refuse_secret)


class Payload(Text):
    """What services are sent, any text but a key of ours; a template stands for one."""

    def __init__(self, **options):
        super().__init__(**options)
        self.validators.append(refuse_keys)


class Integer(serializers.IntegerField):
    """A whole number; a boolean, a string or 1.5 is not one."""

    default_error_messages = {"invalid": "This must be a whole number."}

    def to_internal_value(self, data):
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Uuid(serializers.UUIDField):
    """A UUID as a string; a number is not one."""

    default_error_messages = {"invalid": "This must be a UUID."}

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Boolean(serializers.BooleanField):
    """True or false."""

    default_error_messages = {"invalid": "This must be true or false."}

    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Object(serializers.DictField):
    """A JSON object."""

    default_error_messages = {"not_a_dict": "This must be an object."}


class StringMap(Object):
    """A JSON object whose values are strings."""

    child = Text(allow_blank=True)


class Choice(serializers.ChoiceField):
    """One of a few strings, in exactly their spelling."""

    def to_internal_value(self, data):
        if not isinstance(data, str) or data not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise serializers.ValidationError(f"Use one of: {allowed}.")
        return data


@extend_schema_field({"$ref": "#/components/schemas/HttpMethod"})
class Method(Choice):
    """An HTTP method."""

    def __init__(self, **options):
        super().__init__(choices=HTTP_METHODS, **options)
