"""What a request writes to its key: the use, the refusal, the digest of a new pepper."""

import logging
from datetime import timedelta
from functools import partial

from django.db import Error, models
from django.db.models import Exists, Q
from django.utils import timezone

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.models.audit import AuditEvent
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.refusal import Refusal
from apikeys.models.usage import KeyUsage
from echopoint.core.client_metadata import Client
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting

logger = logging.getLogger(__name__)

Action = AuditEvent.Action
# (key, retire_at) of retired keys whose use this process knows to be in the audit.
retired_uses_seen = set()
TOUCH_EVERY = timedelta(minutes=1)


class UseRecording(models.Model):
    """The part of a key that records how it is used."""

    class Meta:
        abstract = True

    def record_use(self, client, at=None):
        """Record an allowed request: when, whence and for what; at most once a minute.

        The first use is an audit event too. A failure is logged, never raised, and a
        locked row is not waited for: the use is written seconds later.
        """
        at = at or timezone.now()
        if not self.is_use_due(at):
            return
        if self.first_used_at is None:
            write = partial(self._record_first_use, client, at)
        else:
            write = partial(self._touch, use_is_due(at), client, at)
        if not self._trace("record the use of", write):
            type(self).late_uses.record(self, client, at)

    record_use.alters_data = True

    def write_late_use(self, client, at):
        """Record a use that could not be written when it was; return whether it is done.

        Run it in a transaction. What was written since is not overwritten.
        """
        row = self._unlocked().first()
        if row is None:
            return not type(self).objects.filter(pk=self.pk).exists()
        if row.first_used_at is None:
            row._record_first_use(client, at)
        elif row.last_used_at < at:
            row._touch(Q(), client, at)
        return True

    write_late_use.alters_data = True

    def is_use_due(self, at):
        """Whether a use at this moment is to be written to the row."""
        last = self.last_used_at
        # A clock that was ahead may have written a time that is still to come.
        return last is None or abs(at - last) >= TOUCH_EVERY

    def _trace(self, act, write):
        """Write a trace of a request, without waiting for locks; log a failure.

        Return what `write()` returns, or None when the trace is not written. A lock may
        be missed at the commit too, where PostgreSQL checks foreign keys.
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
        """Update the row if the condition holds and nothing locks it."""
        unlocked = self._unlocked().filter(condition).values("pk")
        return type(self).objects.filter(pk__in=unlocked).update(**values)

    def _unlocked(self):
        """Return the key's row for a change, unless another transaction holds it."""
        rows = type(self).objects.filter(pk=self.pk)
        return rows.select_for_update(of=("self",), skip_locked=True, no_key=True)

    def record_refusal(self, reason, *, ip=None, scopes=(), at=None):
        """Count a refused request; the first after each retirement is audited too.

        The holder of a retired key notices only when a request is refused.
        """
        at = at or timezone.now()
        Refusal.objects.record(self, reason, ip=ip, at=at)
        KeyUsage.objects.refuse(self, scopes, at)
        retirement = (self.pk, self.retire_at)
        if reason == "API_KEY_RETIRED" and retirement not in retired_uses_seen:
            write = partial(self._record_retired_use, ip, at)
            if self._trace("record the use of", write):
                retired_uses_seen.add(retirement)

    record_refusal.alters_data = True

    def _record_retired_use(self, ip, at):
        """Return whether the use is in the audit now; not while the row is locked."""
        # The row lock serializes concurrent requests: the second one sees the event
        # that the first one wrote.
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
        """Return whether this use is the first one, and recorded as that."""
        is_first = self._touch(Q(first_used_at=None), client, at, first_used_at=at)
        if is_first:
            self.record(
                Action.FIRST_USED, Actor.key(self, client), at=at, route=client.route
            )
        return bool(is_first)

    def _touch(self, condition, client, at, **more):
        return self._update(
            condition,
            last_used_at=at,
            last_used_ip=client.ip,
            last_used_user_agent=client.user_agent,
            last_used_route=client.route[:200],
            **more,
        )

    def keep_up_with_peppers(self, token):
        """Digest the key anew when a newer pepper has come since."""
        pepper = tokens.current_pepper()
        if pepper.version == self.pepper_version:
            return
        # A wrong secret must not replace a digest that works elsewhere.
        wrong = Exists(PepperFingerprint.objects.contradicting(pepper))
        same = Q(~wrong, pepper_version=self.pepper_version)
        digest = tokens.digest(token, pepper)
        write = partial(
            self._update, same, digest=digest, pepper_version=pepper.version
        )
        self._trace("update the digest of", write)

    keep_up_with_peppers.alters_data = True


def use_is_due(at):
    """Return the condition that a use at this moment is to be written to the row."""
    return Q(last_used_at__lte=at - TOUCH_EVERY) | Q(last_used_at__gte=at + TOUCH_EVERY)
