"""The query of each filter of the list of keys, with the indexes that serve it."""

import re

from django.db.models import Q

from apikeys.db.index_probes import live_and_revoked_parts, status_parts
from apikeys.db.text_conditions import ALPHANUMERIC, holds
from apikeys.forms.creators import MAX_MATCHES
from apikeys.forms.filters import public_id_in
from apikeys.models import ApiKey
from apikeys.models.querysets import ENDS_AT, IDLE_SINCE, SCOPE_IDLE_SINCE, WORKING
from apikeys.models.scope_use import UNUSED_DAYS

ANY = "all"
RESTRICTED, UNRESTRICTED = "listed", "any"
USABLE = WORKING
BY_CREATOR = ("created_by_id", "created_at")  # the order of the index


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
    """Filter by a `CreatorSelection`."""
    without_person = keys.filter(selection.without_person, created_by=None)
    parts = [without_person.order_by(*BY_CREATOR)]
    if len(selection.people) > MAX_MATCHES:
        parts.append(keys.filter(created_by__in=selection.people))
    else:
        each = [keys.filter(created_by=person) for person in selection.people]
        parts += [part.order_by(*BY_CREATOR) for part in each]
    by_person = Q(created_by__in=selection.people)
    by_no_person = Q(selection.without_person, created_by=None)
    return keys.filter(by_person | by_no_person), parts


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
    """Filter by whether a scope is unused; the only choice is that one is."""
    keys = keys.with_unused_scopes(UNUSED_DAYS)
    return keys, [keys.order_by(SCOPE_IDLE_SINCE)]


def with_networks(keys, networks):
    """Filter by whether the keys have a list of allowed addresses."""
    keys = keys.filter(allow_list__isnull=networks == UNRESTRICTED)
    return keys, [keys.order_by("created_at")]


def with_text(keys, text):
    """Filter by text in the name, or by id."""
    condition = holds("name_key", text)
    if public_id := public_id_in(text):
        condition |= Q(public_id=public_id)
    keys = keys.filter(condition)
    return keys, [keys] if re.search(ALPHANUMERIC, text) else None
