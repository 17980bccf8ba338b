"""The query of each filter of the list of keys, with the indexes that serve it."""

import re
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from apikeys.db.index_probes import live_and_revoked_parts, status_parts
from apikeys.db.text_conditions import ALPHANUMERIC, holds
from apikeys.forms.filters import public_id_in
from apikeys.forms.people import MAX_MATCHES
from apikeys.models import ApiKey, KeyWarning
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
CURRENT, LEAKED = "current", "leaked"  # of the status parameter
PAST, NEVER = "past", "never"  # of the expiring parameter
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
    return keys.only_revoked(status == ApiKey.Status.REVOKED)


# Each query returns (matching keys, parts). The parts are querysets that together hold
# all matching keys. An index finds each of them; a part that needs the order of its index
# for that has it. The parts are None if no index serves the filter.


def in_status(keys, status):
    """Filter by the status parameter."""
    if status == ANY:
        return keys, None
    if status == CURRENT:
        return keys.not_ended(), current_parts(keys)
    if status == LEAKED:
        keys = keys.leaked()
        return keys, [keys.order_by("leak_reported_at")]
    statuses = USABLE if status == "usable" else [status]
    return keys.in_status(*statuses), list(status_parts(keys, statuses))


def current_parts(keys):
    """Return the keys that have not ended: two ranges of the index of the ends."""
    keys = keys.alias(ends=ENDS_AT).filter(revoked_at=None)
    with_end = keys.filter(ends__gt=timezone.now()).order_by(ENDS_AT)
    return [with_end, keys.filter(ends=None).order_by(ENDS_AT, "pk")]


def of_age(keys, days):
    """Filter by the days since the keys were issued, as `days_between` reads them."""
    keys = keys.of_age(*days_between(days))
    return keys, live_and_revoked_parts(keys, "created_at", "pk")


def days_between(text):
    """Return (least, below) of "30-90"; `below` is None for "90-", `least` 0 for "30"."""
    first, dash, then = text.partition("-")
    if not dash:
        return 0, int(first)
    return int(first), int(then) if then else None


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


def expiring_in(keys, days):
    """Filter by the days until the expiry, as `days_between` reads them."""
    now = timezone.now()
    if days == NEVER:
        keys = keys.never_expiring()
        return keys, [keys.order_by("expires_at", "pk")]
    if days == PAST:
        return expiring_between(keys, None, now)
    bounds = days_between(days)
    return expiring_between(
        keys, *(None if n is None else now + timedelta(days=n) for n in bounds)
    )


def expiring_on(keys, dates):
    """Filter by `ExpiryDates`, without the keys that have expired already."""
    after, until = dates.times()
    return expiring_between(keys, max(after, timezone.now()), until)


def expiring_between(keys, *times):
    parts = [keys.in_expiry_index(*times).order_by("expires_at")]
    return keys.expiring_between(*times), parts


def with_use(keys, use):
    """Filter by the use parameter."""
    if use == "never":
        keys = keys.filter(last_used_at=None)
        return keys, live_and_revoked_parts(keys, "last_used_at", "pk")
    if use == "retired":
        keys = keys.still_in_use()
        return keys, [keys]
    if use in KeyWarning.Kind.values:
        keys = keys.warned_of(use)
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
