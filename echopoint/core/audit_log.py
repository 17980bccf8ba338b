"""The audit log as the lower layers see it: an interface that a higher layer implements.

Accounts and organizations report their changes here; the app `apikeys` registers the
implementation at startup. The actor is taken from the current request or command, see
`core.context`.
"""

from typing import Protocol

from django.core.exceptions import ImproperlyConfigured


class AuditLog(Protocol):
    """Events that are recorded in the transaction of the change."""

    def organization_created(self, organization): ...

    def organization_changed(self, organization, *, fields, before): ...

    def member_added(self, membership): ...

    def member_removed(self, membership): ...

    def role_changed(self, membership, *, before): ...

    def password_changed(self, user, *, is_reset): ...

    def sign_in_failed(self, user, reason): ...

    def added_in_console(self, row, *, organization_id): ...

    def changed_in_console(self, row, *, organization_id, fields): ...

    def deleted_in_console(self, rows, *, organization_id): ...

    def lock_chains_of(self, user): ...

    def lock_installation(self): ...


_registered: list[AuditLog] = []


def register(implementation: AuditLog):
    """Make this the audit log of the process."""
    _registered[:] = [implementation]


def audit_log() -> AuditLog:
    """Return the registered audit log.

    Raise `ImproperlyConfigured` without one: a change that is not recorded must fail.
    """
    if not _registered:
        raise ImproperlyConfigured(
            "No audit log is registered. List the app apikeys in INSTALLED_APPS."
        )
    return _registered[0]
