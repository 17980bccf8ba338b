"""The lists of keys of a large organization, on the page and in the API; PostgreSQL.

Another organization has what is rare in the first, so that the database's statistics
mislead it.
"""

from datetime import timedelta

from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from apikeys.db import keyset
from apikeys.forms.key_filters import SORTS, KeyFilterForm
from apikeys.models import ApiKey, Refusal, ScopeRecording
from echopoint.organizations.models import Organization
from tests.api_client import ApiClient
from tests.bench.keys import owner
from tests.bench.results import Row
from tests.bench.timing import microseconds
from tests.filled_tables import fill_keys, fill_warnings, people

GROUP = "{} of {:,} keys, PostgreSQL"
GOAL = 35  # milliseconds
DEEP = 0.6  # position of the later page in the list
FILTERS = {
    "none": "",
    "any status": "status=all",
    **{
        status: f"status={status}"
        for status in (
            *("usable", "active", "retiring", "expired"),
            *("retired", "suspended", "revoked", "current", "leaked"),
        )
    },
    "common preset": "scope=ci",
    "rare preset": "scope=runner",
    "no such preset": "scope=captured-requests",
    "common scope": "scope=flows:read",
    "rare scope": "scope=environment:delete",
    "no such scope": "scope=webhooks:delete",
    "common creator": "creator={common}",
    "rare creator": "creator={rare}",
    "people who left": "creator=left",
    "creators without the role": "creator=limited",
    "common owner": "owner={common}",
    "rare owner": "owner={rare}",
    "no owner": "owner=none",
    "owners without the role": "owner=limited",
    "commands": "creator=command",
    "any address allowed": "networks=any",
    "allow-list": "networks=listed",
    "expiring in 7 days": "expiring=7",
    "expiring in 90 days": "expiring=90",
    "unused for 30 days": "use=30",
    "unused for 90 days": "use=90",
    "never used": "use=never",
    "used after it retired": "use=retired",
    "used from a new place": "use=new-place",
    "refused": "use=refused",
    "over a year old": "age=365-",
    "under 30 days old": "age=0-30",
    "expiring after 90 days": "expiring=90-",
    "expired by date": "expiring=past",
    "a scope unused": "scope_use=unused",
    "common text": "q=production",
    "rare text": "q=zebra",
    "no such text": "q=nothing like it",
    "two letters": "q=ze",
    "no such letters": "q=zq",
    "an id": "q={id}",
    "two filters": "status=expired&scope=environment:delete",
    "three filters": "status=active&scope=ci&q=zebra",
}
COLUMNS = ("id", "name", "created_at", "last_used_at")


def measure(count):
    organization = prepare(count)
    return [
        *page_rows(organization, GROUP.format("List", count)),
        *api_rows(organization, GROUP.format("API searches", count)),
    ]


def prepare(count):
    """Fill the database; return the organization to measure."""
    large = Organization.objects.create_with_owner("Large", owner())
    other = Organization.objects.create_with_owner("Other", owner())
    ScopeRecording.objects.update(began_at=timezone.now() - timedelta(days=200))
    fill_keys(large, count, people(large, 100))
    fill_keys(other, count // 4, people(other, 100), all_rare=True)
    for organization in (large, other):
        refuse_retired(organization)
        fill_warnings(organization)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return large


def refuse_retired(organization):
    """Record uses of some retired keys after they retired."""
    retired = ApiKey.objects.for_org(organization).in_status("retired")
    Refusal.objects.bulk_create(
        Refusal(key=key, reason="API_KEY_RETIRED", minute=timezone.now(), count=1)
        for key in retired[:1000:3]
    )


def page_rows(organization, group):
    """Return a row for each filter: its slowest page of all orders."""
    key = ApiKey.objects.for_org(organization).first()
    members = organization.memberships.exclude(user=owner()).order_by("pk")
    values = {
        "common": members.first().user_id,
        "rare": members.last().user_id,
        "id": key.public_id,
    }
    places = {
        sort: places_in(read(organization, f"sort={sort}").order, organization)
        for sort, _ in SORTS
    }
    rows = [
        worst(group, name, pages(organization, query.format(**values), places))
        for name, query in FILTERS.items()
    ]
    attention = milliseconds(lambda: ApiKey.objects.needing_attention(organization))
    return [*rows, Row(group, "counts of keys that need action", attention, "ms")]


def worst(group, name, measured):
    taken, where = max(measured)
    return Row(group, name, taken, "ms", goal=GOAL, note=where)


def pages(organization, query, places):
    """Yield (milliseconds, which page) of the pages of a filter in each order."""
    keys = ApiKey.objects.for_org(organization).with_people(organization)
    for sort, label in SORTS:
        filters = read(organization, f"{query}&sort={sort}")
        for name, place in places[sort].items():

            def page(place=place, filters=filters):
                keyset.page(filters.listed(keys), filters.order, 50, **place)

            yield milliseconds(page), f"{label}, {name} page"


def read(organization, query):
    """Return the filters of a query string of the page."""
    filters = KeyFilterForm.read(QueryDict(query), organization=organization)
    if filters.ignored:
        raise RuntimeError(f"No filter of the page: {filters.ignored}")
    return filters


def places_in(order, organization):
    """Return the cursors of the measured pages by name."""
    keys = ApiKey.objects.for_org(organization).annotate(sort_value=order.value)
    keys = keys.filter(sort_value__isnull=False)
    direction = "-" if order.descending else ""
    ordered = keys.order_by(f"{direction}sort_value", f"{direction}pk")
    place = keyset.cursor_of(ordered[int(keys.count() * DEEP)])
    return {"first": {}, "later": {"after": place}, "back": {"before": place}}


def milliseconds(call):
    """Return how long the call takes, the better of two."""
    return min(microseconds(call) for _ in range(2)) / 1e3


def api_rows(organization, group):
    """Return a row for each search: the whole request, in the slowest order."""
    client = ApiClient(organization, user=owner())
    long_ago = (timezone.now() - timedelta(days=30)).isoformat()
    searches = {
        "no filter": {},
        "common text": {"full_text_search": "production"},
        "rare text": {"full_text_search": "zebra"},
        "no such text": {"full_text_search": "nothing like it"},
        "two letters": {"full_text_search": "ze"},
        "unused for 30 days": {"filter": {"last_used_before": long_ago}},
        "used in 30 days": {"filter": {"last_used_after": long_ago}},
    }
    common = searches["common text"]
    first = Row(
        group,
        "common text, the first time: its total is counted",
        microseconds(lambda: search(client, common)) / 1e3,
        "ms",
    )
    rows = [
        worst(group, name, responses(client, body)) for name, body in searches.items()
    ]
    return [*rows, first]


def responses(client, body):
    """Yield (milliseconds, the order) of the first page of a search in each order."""
    for column in COLUMNS:
        for direction in ("ASC", "DESC"):
            sent = {**body, "sort_by": column, "sort_direction": direction}
            taken = milliseconds(lambda sent=sent: search(client, sent))
            yield taken, f"by {column}, {direction}"


def search(client, body):
    response = client.post("/api-keys/search", body)
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.content}")
