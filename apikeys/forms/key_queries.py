"""The query of each filter of the list of keys, with the indexes that serve it."""

import re

from django.db.models import Q

from apikeys.db.index_probes import along, by_status
from apikeys.forms.creators import MATCHED
from apikeys.forms.filters import public_id_in
from apikeys.models import ApiKey
from apikeys.models.querysets import ENDS_AT, IDLE_SINCE
from echopoint.core.characters import fold

ANY = "all"
USABLE = ("active", "retiring")
ALPHANUMERIC = r"[^\W_]"
SEPARATORS = " -_./:@(["
BY_CREATOR = ("created_by_id", "created_at")  # as the index has it


def in_use_or_revoked(keys, status):
    """Only keys of the kind that the status is of."""
    if status == ANY:
        return keys
    if status == ApiKey.Status.REVOKED:
        return keys.filter(revoked_at__isnull=False)
    return keys.unrevoked()


# Each of these returns the keys that a filter leaves, and how to get at them: as parts
# that are all of them together, each in the order of the index that holds it, or None
# where no index helps.


def in_status(keys, status):
    """Only keys in the status that the address names."""
    if status == ANY:
        return keys, None
    statuses = USABLE if status == "usable" else [status]
    return keys.in_status(*statuses), list(by_status(keys, statuses))


def with_scope(keys, scope):
    """Only keys with the scope, or of the preset."""
    if ":" in scope:
        keys = keys.with_scope(scope)
        return keys, [keys]
    keys = keys.filter(preset=scope)
    return keys, [keys.order_by("created_at")]


def created_by(keys, chosen):
    """Only keys that one of the chosen people created, or that no account did."""
    without_person = keys.filter(chosen.without_person, created_by=None)
    parts = [without_person.order_by(*BY_CREATOR)]
    if len(chosen.people) > MATCHED:
        parts.append(keys.filter(created_by__in=chosen.people))
    else:
        each = [keys.filter(created_by=person) for person in chosen.people]
        parts += [part.order_by(*BY_CREATOR) for part in each]
    someone = Q(created_by__in=chosen.people)
    nobody = Q(chosen.without_person, created_by=None)
    return keys.filter(someone | nobody), parts


def expiring(keys, days):
    """Only keys that expire within so many days."""
    keys = keys.expiring_within(int(days))
    return keys, [keys.order_by(ENDS_AT)]


def used(keys, use):
    """Only keys that were used, or not, as the address says."""
    if use == "never":
        keys = keys.filter(last_used_at=None)
        return keys, along(keys, "last_used_at", "pk")
    if use == "retired":
        keys = keys.still_in_use()
        return keys, [keys]
    keys = keys.unused_for(int(use))
    return keys, [keys.order_by(IDLE_SINCE)]


def matching(keys, text):
    """Only keys with the text in their name, or with this id."""
    condition = named(text)
    if public_id := public_id_in(text):
        condition |= Q(public_id=public_id)
    keys = keys.filter(condition)
    return keys, [keys] if re.search(ALPHANUMERIC, text) else None


def named(text):
    """Return the condition that a name has the text, or words that begin with it."""
    text = fold(text)
    if not is_short(text):
        return Q(name_key__contains=text)
    condition = Q(name_key__startswith=text)
    for separator in SEPARATORS:
        condition |= Q(name_key__contains=f"{separator}{text}")
    return condition


def is_short(text):
    """Whether an index, which is of three letters in a row, has only words that begin so."""
    return bool(re.match(ALPHANUMERIC, text)) and not re.search(
        f"{ALPHANUMERIC}{{3}}", text
    )
