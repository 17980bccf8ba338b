"""The way from people and organizations to the audit, which is in a layer above them.

The audit registers itself when the program starts. Without one a change raises, so that
none goes unrecorded. Who makes a change is known from the request or the command that
runs: see `organizations.doing`.
"""

from typing import Protocol

from django.core.exceptions import ImproperlyConfigured


class Audit(Protocol):
    """What is reported to the audit, in the transaction of each change."""

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


class Trail:
    """Holds the audit of this program."""

    def __init__(self):
        self._audit = None

    def register(self, audit: Audit):
        self._audit = audit

    @property
    def audit(self) -> Audit:
        if self._audit is None:
            raise ImproperlyConfigured(
                "No audit is registered. List the app apikeys in INSTALLED_APPS."
            )
        return self._audit


trail = Trail()
