"""What the tests of pages share with those of keys: tampering with the audit."""

from tests.apikeys.conftest import tamper  # noqa: F401
