"""Writes of a request to its key: its use, its refusal, the digest of a newer pepper."""

import logging
from datetime import timedelta
from functools import partial

from django.db import Error, models
from django.db.models import Exists, Q
from django.utils import timezone

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.models.audit import AuditEvent
from apikeys.models.key_warning import KeyWarning
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.refusal import Refusal
from apikeys.models.usage import KeyUsage
from echopoint.core.client_metadata import Client
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.core.replica.writes import mark_written

logger = logging.getLogger(__name__)

Action = AuditEvent.Action
# (key, retire_at) of retired keys whose use is in the audit, as far as this process knows.
audited_retired_uses = set()
USE_INTERVAL = timedelta(minutes=1)


class UseRecording(models.Model):
    """The part of a key that records how it is used."""

    class Meta:
        abstract = True

    def record_use(self, client, at=None):
        """Record the time, client and route of an allowed request, at most once a minute.

        The first use is also an audit event. A failure is logged, never raised. If the
        row is locked, the use is buffered and written seconds later.
        """
        at = at or timezone.now()
        if not self.is_use_due(at):
            return
        if self.first_used_at is None:
            write = partial(self._record_first_use, client, at)
        else:
            write = partial(self._update_last_use, due_for_update(at), client, at)
        if self._write_if_unlocked("record the use of", write):
            mark_written(self.organization_id)
        else:
            type(self).late_uses.record(self, client, at)

    record_use.alters_data = True

    def write_late_use(self, client, at):
        """Record a use that was buffered; return False if the row is locked again.

        Needs a transaction. A later use that was written since is not overwritten.
        """
        row = self._unlocked().first()
        if row is None:
            return not type(self).objects.filter(pk=self.pk).exists()
        if row.first_used_at is None:
            row._record_first_use(client, at)
        elif row.last_used_at < at:
            row._update_last_use(Q(), client, at)
        return True

    write_late_use.alters_data = True

    def is_use_due(self, at):
        """Whether a use at this moment must be written to the row."""
        last = self.last_used_at
        # abs(): a process whose clock was ahead may have stored a time in the future.
        # Without it no use would be written until then.
        return last is None or abs(at - last) >= USE_INTERVAL

    def _write_if_unlocked(self, act, write):
        """Return the result of `write()`, or None if a row is locked or the write failed.

        A request must not fail or wait for what it records about itself. `_unlocked()`
        skips a locked row of the key; the lock timeout covers all other rows, such as the
        end of the audit chain, and foreign keys, which PostgreSQL checks at the commit.
        """
        try:
            with without_waiting(type(self).objects.db):
                return write()
        except Error as error:
            if is_lock_timeout(error):
                text = "Could not %s %s: a row is locked. It is tried again."
                logger.warning(text, act, self.rest_id)
            else:
                logger.exception("Could not %s %s.", act, self.rest_id)
        return None

    def _update(self, condition, **values):
        """Update the row if the condition holds and no transaction has locked it.

        The condition is checked in the database: this instance may be stale, and of two
        requests in the same second only one must write.
        """
        unlocked = self._unlocked().filter(condition).values("pk")
        return type(self).objects.filter(pk__in=unlocked).update(**values)

    def _unlocked(self):
        """Lock the key's row; empty if another transaction has locked it."""
        rows = type(self).objects.filter(pk=self.pk)
        return rows.select_for_update(of=("self",), skip_locked=True, no_key=True)

    def record_refusal(self, reason, *, ip=None, scopes=(), at=None):
        """Count a refused request; the first one after each retirement is audited too.

        It tells the organization that something still uses the old key.
        """
        at = at or timezone.now()
        Refusal.objects.record(self, reason, ip=ip, at=at)
        KeyWarning.objects.record(self, KeyWarning.Kind.REFUSED, at)
        KeyUsage.objects.refuse(self, scopes, at)
        retirement = (self.pk, self.retire_at)
        if reason == "API_KEY_RETIRED" and retirement not in audited_retired_uses:
            write = partial(self._record_retired_use, ip, at)
            if self._write_if_unlocked("record the use of", write):
                audited_retired_uses.add(retirement)

    record_refusal.alters_data = True

    def _record_retired_use(self, ip, at):
        """Return whether the use is in the audit; False if the row is locked."""
        # The row lock serializes concurrent requests: the second one sees the event the
        # first one wrote.
        key = self._unlocked().first()
        if key is None:
            return False
        events = AuditEvent.objects.for_org(self.organization)
        known = events.filter(
            target_id=self.rest_id,
            action=Action.RETIRED_USED,
            at__gte=self.retire_at,
        )
        if not known.exists():
            key.record(Action.RETIRED_USED, Actor.key(self, Client(ip=ip)), at=at)
        return True

    def _record_first_use(self, client, at):
        """Return whether this use was the first one.

        The condition makes sure that of several concurrent requests one writes the event.
        """
        is_first = self._update_last_use(
            Q(first_used_at=None), client, at, first_used_at=at
        )
        if is_first:
            self.record(
                Action.FIRST_USED, Actor.key(self, client), at=at, route=client.route
            )
        return bool(is_first)

    def _update_last_use(self, condition, client, at, **more):
        return self._update(
            condition,
            last_used_at=at,
            last_used_ip=client.ip,
            last_used_user_agent=client.user_agent,
            last_used_route=client.route[:200],
            **more,
        )

    def rehash_with_current_pepper(self, token):
        """Replace the digest if it was made with an older pepper."""
        pepper = tokens.current_pepper()
        if pepper.version == self.pepper_version:
            return
        # If this process has a wrong secret for the version, other processes could not
        # verify the new digest, and the key would be lost.
        wrong = Exists(PepperFingerprint.objects.contradicting(pepper))
        same = Q(~wrong, pepper_version=self.pepper_version)
        digest = tokens.digest(token, pepper)
        write = partial(
            self._update, same, digest=digest, pepper_version=pepper.version
        )
        self._write_if_unlocked("update the digest of", write)

    rehash_with_current_pepper.alters_data = True


def due_for_update(at):
    """Return `is_use_due` as a condition on the row."""
    return Q(last_used_at__lte=at - USE_INTERVAL) | Q(
        last_used_at__gte=at + USE_INTERVAL
    )
