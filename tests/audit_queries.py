"""Queries of the list of the audit, for the tables that `tests.filled_tables` fills."""

from itertools import product
from urllib.parse import urlencode

from django.http import QueryDict

from apikeys.audit.events import choices
from apikeys.db import keyset
from apikeys.forms.audit_filters import AuditFilterForm
from apikeys.models import AuditEvent

# Of each, one value that is common, one that is rare or old, and none.
ACTIONS = [
    "",
    "api_key.created",
    "api_key.resumed",
    "api_key.suspended",
    "policy.updated",
]
ACTORS = ["", "user_00000000person15", "user_00000000000zebra", "user_nobodynobodynobo"]
TARGETS = ["", "key_000000000015", "key_nonenonenone"]
TIMES = [
    {},
    {"since": "2026-01-04T00:00"},
    {"until": "2026-01-02T00:00"},
    {"until": "2025-01-02T00:00"},
    {"since": "2026-01-02T00:00", "until": "2026-01-02T12:00"},
]
# Texts of nearly all events, of 2 %, of 0.1 %, of ten, of the oldest 2 %, and of none.
TEXTS = ["person", "penguin", "lynx", "zebra", "fossil", "nobody", "zq"]


def queries_of_ids_and_times():
    """Yield the query string of each combination of an action, an actor, a key and times."""
    for action, actor, key, times in product(ACTIONS, ACTORS, TARGETS, TIMES):
        values = {"action": action, "actor": actor, "key": key} | times
        yield urlencode({name: value for name, value in values.items() if value})


def queries_of_texts():
    """Yield the query string of each text, alone and with other filters."""
    for kind, text in product(("actor", "key"), TEXTS):
        for other in ("", "action=api_key.created", "until=2026-01-02T00:00"):
            text = text.replace("person", "service") if kind == "key" else text
            yield f"{kind}={text}&{other}"


def pages(organization, query):
    """Read the first page of the list, and the second if there is one."""
    filters = AuditFilterForm.read(
        QueryDict(query), organization=organization, actions=choices()
    )
    assert not filters.ignored
    rows = filters.listed(AuditEvent.objects.for_org(organization))
    first = keyset.page(rows, filters.order, 50)
    if first.after:
        keyset.page(rows, filters.order, 50, after=first.after)
    return filters
