"""Filter the list of keys by a limit of the policy.

The value of the filter contains the limit: `<kind>` or `<kind>:<arguments>`. So the preview
of a change can link to all keys that the limit concerns before it is saved.
"""

from collections.abc import Callable
from typing import NamedTuple

from django.db.models import Q

from apikeys.audit.wording import count_in_words
from apikeys.forms.key_queries import (
    CONTACT,
    CURRENT,
    DESCRIPTION,
    LACKING,
    in_status,
    lacking,
)
from apikeys.models.querysets import ENDS_AT
from apikeys.policy import MAX_NOTICE_DAYS
from apikeys.scopes import PRESETS, SCOPES
from echopoint.organizations.models import MAX_LIFETIME_DAYS

MUST_EXPIRE = "must-expire"


class Concerned(NamedTuple):
    """The keys that a limit concerns: a description and a query.

    `query` returns (matching keys, parts) like those of `key_queries`.
    """

    note: str
    query: Callable


def select(keys, concerned):
    """Filter by a `Concerned`."""
    return concerned.query(keys)


def parse(text):
    """Return the `Concerned` for the filter's value; raise `ValueError` for an invalid one."""
    kind, _, arguments = text.partition(":")
    if kind not in KINDS:
        raise ValueError("unknown kind")
    return KINDS[kind](arguments)


def lifetime(arguments):
    """Keys that live longer than `<days>`, or never expire if `must-expire` follows."""
    days, comma, rest = arguments.partition(",")
    maximum = whole_number(days, MAX_LIFETIME_DAYS)
    if comma and rest != MUST_EXPIRE:
        raise ValueError("unknown argument")
    endless = " or without an expiry" if comma else ""
    return Concerned(
        f"Current keys with a lifetime of more than {count_in_words(maximum, 'day')}"
        f"{endless}.",
        lambda keys: (keys.not_ended().outside(maximum, not comma), None),
    )


def counted(arguments):
    """Keys that count towards the maximum."""
    require_nothing(arguments)
    return Concerned(
        "Keys that count towards the maximum number of keys.",
        lambda keys: (keys.counted(), None),
    )


def not_granted(arguments):
    """Keys with scopes that a role may not grant."""
    granted = names(arguments, {**PRESETS, **SCOPES})
    presets = [name for name in granted if name in PRESETS]
    others = [name for name in SCOPES if name not in granted]

    def query(keys):
        found = keys.not_ended().filter(has_any(keys, others))
        return found.exclude(preset__in=presets), parts(keys, others)

    listed = ", ".join(granted)
    return Concerned(f"Current keys with scopes other than {listed}.", query)


def unlisted(arguments):
    """Keys that have a scope that requires a list of allowed addresses, but have no list."""
    scopes = names(arguments, SCOPES)

    def query(keys):
        found = keys.not_ended().filter(has_any(keys, scopes), allow_list=None)
        return found, parts(keys, scopes)

    listed = " or ".join(scopes)
    return Concerned(
        f"Current keys with {listed}, but without a list of allowed addresses.", query
    )


def ending(arguments):
    """Keys that end within `<days>` days."""
    days = whole_number(arguments, MAX_NOTICE_DAYS)

    def query(keys):
        found = keys.ending_within(days)
        return found, [found.order_by(ENDS_AT)]

    return Concerned(
        f"Current keys that end within {count_in_words(days, 'day')}.", query
    )


def without_own_rate(arguments):
    """Keys that have the rate limit of the policy."""
    require_nothing(arguments)
    return Concerned(
        "Current keys without a rate limit of their own.",
        lambda keys: (keys.not_ended().filter(requests_per_minute=None), None),
    )


def working(arguments):
    """Keys that work, unless the organization is frozen."""
    require_nothing(arguments)
    return Concerned(
        "Keys that have not ended and are not suspended.",
        lambda keys: (keys.usable(), None),
    )


def without(what):
    """Return the kind of keys that lack something: a choice of `LACKING`."""

    def kind(arguments):
        require_nothing(arguments)

        def query(keys):
            found, parts = lacking(keys, what)
            return found.not_ended(), parts

        return Concerned(f"Current keys without {LACKING[what].words}.", query)

    return kind


def reviewed(arguments):
    """Keys that an access review would include if it opened now."""
    require_nothing(arguments)
    return Concerned(
        "Keys that have not ended, including suspended keys.",
        lambda keys: in_status(keys, CURRENT),
    )


KINDS = {
    "lifetime": lifetime,
    "counted": counted,
    "other-scopes": not_granted,
    "unlisted": unlisted,
    "ending": ending,
    "no-own-rate": without_own_rate,
    "working": working,
    "no-description": without(DESCRIPTION),
    "no-contact": without(CONTACT),
    "reviewed": reviewed,
}


def has_any(keys, scopes):
    """Return the condition that a key has at least one of the scopes."""
    condition = Q(pk__in=[])
    for name in scopes:
        condition |= Q(keys.holds_scope(name))
    return condition


def parts(keys, scopes):
    """Return a queryset for each scope, which the index on scopes can find."""
    return [keys.with_scope(name) for name in scopes]


def whole_number(text, maximum):
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("not a number")
    if not 1 <= int(text) <= maximum:
        raise ValueError("out of bounds")
    return int(text)


def names(text, known):
    found = text.split(",")
    if not all(name in known for name in found):
        raise ValueError("unknown name")
    return found


def require_nothing(arguments):
    if arguments:
        raise ValueError("unknown argument")
