"""Whether the old key of a rotation can be retired, in a sentence that says why."""

from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from apikeys.templatetags.apikeys_display import relative

QUIET = timedelta(hours=1)


class Verdict(NamedTuple):
    """What the recorded uses of two keys say; pure, from facts and a moment."""

    safe: bool
    sentence: str

    @classmethod
    def of(cls, key, successor, at=None, *, run=None, lacking_at=None):
        """Return the verdict on retiring `key` in favour of `successor`, or of None.

        It is safe if the successor works and was used, and the old key was not used
        since the successor's first use, or not within the last hour. Uses are recorded
        at most once a minute for each key, so the moments are true to the minute.
        `run` is the last `Run` that the successor published, `lacking_at` when it was
        last refused for want of a scope: fewer scopes than before may be too few.
        """
        at = at or timezone.now()
        if successor is None:
            return cls(False, "Not yet: there is no new key. It was revoked.")
        status = successor.status(at)
        if status not in {successor.Status.ACTIVE, successor.Status.RETIRING}:
            return cls(False, f"Not yet: the new key does not work. It is {status}.")
        if successor.first_used_at is None:
            return cls(False, "Not yet: the new key has not been used.")
        if is_still_used(key, successor, at):
            return cls(
                False, f"Not yet: still used {relative(key.last_used_at, at)}{by(key)}."
            )
        if lacking_at and at - lacking_at < QUIET and key.scopes != successor.scopes:
            return cls(
                False,
                "Not yet: the new key was refused"
                f" {relative(lacking_at, at)} for a scope that it lacks.",
            )
        used = key.last_used_at
        old = f"last used {relative(used, at)}" if used else "never used"
        new = relative(successor.last_used_at, at)
        return cls(
            True,
            f"Safe to retire: the old key was {old}, the new one {new}{ran(run, at)}.",
        )


def ran(run, at):
    """Return what the new key's last run says for it, if there was one."""
    if run is None:
        return ""
    when = relative(run.published_at, at)
    return f", and with it an execution of {run.name} {run.status} {when}"


def is_still_used(key, successor, at):
    """Whether the old key was used lately, and after the successor was put to use."""
    used = key.last_used_at
    return bool(used) and used > successor.first_used_at and at - used < QUIET


def by(key):
    """Return who used the key last, as " by curl/8 from 192.0.2.7", if that is known."""
    client = key.last_used_user_agent and f" by {key.last_used_user_agent}"
    address = key.last_used_ip and f" from {key.last_used_ip}"
    return f"{client or ''}{address or ''}"
