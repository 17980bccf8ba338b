"""Suspend, resume and revoke a key."""

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from apikeys.exceptions import KeyConflict
from apikeys.models.audit import AuditEvent
from apikeys.models.manager import is_usable
from apikeys.models.naming import require_text

Action = AuditEvent.Action


class Stopping(models.Model):
    """The part of a key that suspends, resumes and revokes it."""

    class Meta:
        abstract = True

    @transaction.atomic
    def revoke(self, *, by, reason="", at=None):
        """Stop the key permanently; revoking it twice changes nothing.

        Return whether this call revoked it.
        """
        at = at or timezone.now()
        return self._change(
            Q(revoked_at=None),
            Action.REVOKED,
            by,
            at,
            reason,
            revoked_at=at,
            revoked_by_label=by.label,
            revoke_reason=reason,
        )

    revoke.alters_data = True

    @transaction.atomic
    def suspend(self, *, by, reason="", at=None):
        """Stop the key until it is resumed; return whether this call did.

        Raise `KeyConflict` for a key that has ended.
        """
        at = at or timezone.now()
        if self._change(
            is_usable(at), Action.SUSPENDED, by, at, reason, suspended_at=at
        ):
            return True
        self._require_not_ended(at)
        return False

    suspend.alters_data = True

    @transaction.atomic
    def resume(self, *, by, reason="", at=None):
        """Resume a suspended key; return whether this call did.

        Raise `KeyConflict` for a key that has ended.
        """
        at = at or timezone.now()
        suspended = Q(revoked_at=None, suspended_at__isnull=False)
        if self._change(suspended, Action.RESUMED, by, at, reason, suspended_at=None):
            return True
        self._require_not_ended(at)
        return False

    resume.alters_data = True

    def _change(self, condition, action, by, at, reason, **values):
        """Update the row if the condition still holds, and record the event.

        One conditional UPDATE: of several concurrent calls one changes the row and
        records the event.
        """
        by.require_fresh()
        require_text("reason", reason, type(self), column="revoke_reason")
        changed = type(self).objects.filter(condition, pk=self.pk).update(**values)
        if changed:
            for name, value in values.items():
                setattr(self, name, value)
            self.__dict__.pop("state", None)
            self.record(action, by, at=at, reason=reason)
        else:
            self.refresh_from_db()
        return bool(changed)

    def _require_not_ended(self, at):
        status = self.status(at)
        ended = {self.Status.REVOKED, self.Status.RETIRED, self.Status.EXPIRED}
        if status in ended:
            # Retiring can be undone until the overlap ends, so do not call it final.
            is_final = status != self.Status.RETIRED
            why = "that is final" if is_final else "it cannot be suspended or resumed"
            raise KeyConflict("CONFLICT", f"This key is {status}; {why}.")
