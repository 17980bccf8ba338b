"""The query of each filter of the list of keys, with the indexes that serve it."""

import re
from typing import NamedTuple

from django.db.models import Q

from apikeys.db.index_probes import live_and_revoked_parts, status_parts
from apikeys.db.text_conditions import ALPHANUMERIC, holds
from apikeys.forms.filters import public_id_in
from apikeys.forms.people import MAX_MATCHES
from apikeys.models import ApiKey
from apikeys.models.querysets import (
    ENDS_AT,
    IDLE_SINCE,
    SCOPE_IDLE_SINCE,
    UNDESCRIBED,
    UNOWNED,
    WORKING,
)
from apikeys.models.scope_use import UNUSED_DAYS

ANY = "all"
RESTRICTED, UNRESTRICTED = "listed", "any"
USABLE = WORKING
DESCRIPTION, CONTACT = "description", "contact"


class Lacking(NamedTuple):
    """Something that a key may lack, in words and as a condition."""

    words: str
    condition: Q


LACKING = {
    DESCRIPTION: Lacking("a description", UNDESCRIBED),
    CONTACT: Lacking("an owner or a contact", UNOWNED),
}


def in_use_or_revoked(keys, status):
    """Exclude revoked keys, unless the status includes them."""
    if status == ANY:
        return keys
    if status == ApiKey.Status.REVOKED:
        return keys.filter(revoked_at__isnull=False)
    return keys.unrevoked()


# Each query returns (matching keys, parts). The parts are querysets that together hold
# all matching keys, each in the order of an index, so that the index can be probed. They
# are None if no index serves the filter.


def in_status(keys, status):
    """Filter by the status parameter."""
    if status == ANY:
        return keys, None
    statuses = USABLE if status == "usable" else [status]
    return keys.in_status(*statuses), list(status_parts(keys, statuses))


def with_scope(keys, scope):
    """Filter by scope (`resource:action`) or preset."""
    if ":" in scope:
        keys = keys.with_scope(scope)
        return keys, [keys]
    keys = keys.filter(preset=scope)
    return keys, [keys.order_by("created_at")]


def created_by(keys, selection):
    """Filter by a `PeopleSelection` of creators."""
    return of_people(keys, "created_by", selection)


def owned_by(keys, selection):
    """Filter by a `PeopleSelection` of owners."""
    return of_people(keys, "owner", selection)


def of_people(keys, field, selection):
    """Filter by the person in the field, using the index that begins with the field."""
    order = (f"{field}_id", "created_at")
    without_person = Q(selection.without_person, **{field: None})
    parts = [keys.filter(without_person).order_by(*order)]
    with_person = Q(**{f"{field}__in": selection.people})
    if len(selection.people) > MAX_MATCHES:
        parts.append(keys.filter(with_person))
    else:
        each = [keys.filter(**{field: person}) for person in selection.people]
        parts += [part.order_by(*order) for part in each]
    return keys.filter(with_person | without_person), parts


def expiring_within_days(keys, days):
    """Filter by expiry within `days` days."""
    keys = keys.expiring_within(int(days))
    return keys, [keys.order_by(ENDS_AT)]


def with_use(keys, use):
    """Filter by the use parameter."""
    if use == "never":
        keys = keys.filter(last_used_at=None)
        return keys, live_and_revoked_parts(keys, "last_used_at", "pk")
    if use == "retired":
        keys = keys.still_in_use()
        return keys, [keys]
    keys = keys.unused_for(int(use))
    return keys, [keys.order_by(IDLE_SINCE)]


def with_unused_scopes(keys, unused):
    """Filter keys with an unused scope, which is the only choice of the filter."""
    keys = keys.with_unused_scopes(UNUSED_DAYS)
    return keys, [keys.order_by(SCOPE_IDLE_SINCE)]


def with_networks(keys, networks):
    """Filter by whether the keys have a list of allowed addresses."""
    keys = keys.filter(allow_list__isnull=networks == UNRESTRICTED)
    return keys, [keys.order_by("created_at")]


def lacking(keys, what):
    """Filter keys without something: a choice of `LACKING`."""
    keys = keys.filter(LACKING[what].condition)
    return keys, [keys.order_by("created_at")]


def with_text(keys, text):
    """Filter by text in the name, or by id."""
    condition = holds("name_key", text)
    if public_id := public_id_in(text):
        condition |= Q(public_id=public_id)
    keys = keys.filter(condition)
    return keys, [keys] if re.search(ALPHANUMERIC, text) else None
