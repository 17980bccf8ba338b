"""Assertion helper for settings that stop the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured

PASSWORD = "hunter2secret"


def error_of(read, *arguments, **options):
    """Call the reader; return its error message, without the password in it."""
    with pytest.raises(ImproperlyConfigured) as error:
        read(*arguments, **options)
    assert PASSWORD not in str(error.value)
    return str(error.value)
