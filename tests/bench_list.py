"""Measure the list of keys at a million: `make bench-list`, on PostgreSQL or SQLite.

Fills an organization with keys as a large one has them, nearly all of them active, and
another with what is rare in the first, so that the database's statistics mislead it.
Prints the milliseconds that the queries of a page took, for each filter: the worst of
all orders, first pages, later ones and ones read backwards, and where that was. Numbers
of a busy machine differ from run to run; compare lines of one.
"""

import os
import random
import sys
import time
from datetime import timedelta

import django

KEYS = 1_000_000
CHUNK = 10_000
RARE = 20_000  # one key in this many has the rare values
DEEP = 0.6  # position of the later page in the list
SERVICES = [
    "api",
    "auth",
    "billing",
    "cart",
    "checkout",
    "docs",
    "ledger",
    "mail",
    "search",
    "shop",
    "web",
]
STAGES = ["production", "staging", "test"]
RARE_KINDS = {
    "retired": lambda now: {"retire_at": now - timedelta(days=1)},
    "retiring": lambda now: {"retire_at": now + timedelta(days=2)},
    "expired": lambda now: {"expires_at": now - timedelta(days=1)},
    "suspended": lambda now: {"suspended_at": now},
    "soon": lambda now: {"expires_at": now + timedelta(days=3)},
    "idle": lambda now: {"last_used_at": now - timedelta(days=120)},
    "unused": lambda now: {"last_used_at": None, "first_used_at": None},
    "runner": lambda now: {
        "preset": "runner",
        "scopes": ["runner:claim", "runner:complete"],
    },
    "scope": lambda now: {"preset": "", "scopes": ["environment:delete"]},
    "command": lambda now: {
        "created_by_id": None,
        "created_by_label": "command issue_api_key",
        "owner_id": None,
    },
    "left": lambda now: {
        "created_by_id": None,
        "created_by_label": "gone@example.com",
        "owner_id": None,
    },
    "zebra": lambda now: {"name": "zebra"},
}
FILTERS = {
    "none": "",
    "any status": "status=all",
    **{
        status: f"status={status}"
        for status in (
            *("usable", "active", "retiring", "expired"),
            *("retired", "suspended", "revoked"),
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
    "expiring in 7 days": "expiring=7",
    "expiring in 90 days": "expiring=90",
    "unused for 30 days": "use=30",
    "unused for 90 days": "use=90",
    "never used": "use=never",
    "used after it retired": "use=retired",
    "common text": "q=production",
    "rare text": "q=zebra",
    "no such text": "q=nothing like it",
    "two letters": "q=ze",
    "no such letters": "q=zq",
    "an id": "q={id}",
    "two filters": "status=expired&scope=environment:delete",
    "three filters": "status=active&scope=ci&q=zebra",
}


def fill(organization, count, members, *, all_rare=False):
    """Insert keys by SQL. Nobody knows their secrets."""
    from django.utils import timezone

    from apikeys.models import ApiKey
    from echopoint.core.ids import random_base62

    now, dice = timezone.now(), random.Random(count)  # noqa: S311, no secret
    kinds = list(RARE_KINDS.values())

    def key(n):
        made = now - timedelta(days=2) - timedelta(days=80) * (1 - n / count)
        used = now - timedelta(seconds=dice.randrange(7 * 86400))
        creator = members[0] if n % 3 else members[n % (len(members) - 1)]
        scopes = ["flows:execute", "flows:read", "runner:complete"]
        values = {
            "name": f"{dice.choice(SERVICES)} {dice.choice(STAGES)}",
            "preset": "ci" if n % 3 else "flow-inventory",
            "scopes": scopes if n % 3 else ["flows:read"],
            "created_by_id": creator.pk,
            "created_by_label": str(creator),
            "owner_id": creator.pk,
            "expires_at": made + timedelta(days=(90, 180, 365)[n % 3], hours=240),
            "revoked_at": None if n % 100 else now,
            "first_used_at": made,
            "last_used_at": used,
        }
        for rank, kind in enumerate(kinds):
            if n % RARE == rank * 100 + 1 or all_rare and n % 5 == rank % 5:
                values |= kind(now)
        if values.get("retire_at"):
            values["expires_at"] = None
        values["name"] += f" {n}"
        if n % RARE == 7:
            values |= {"created_by_id": members[-1].pk, "owner_id": members[-1].pk}
        public_id = random_base62(12)
        more = {"public_id": public_id, "digest": public_id * 5, "created_at": made}
        return ApiKey(organization=organization, pepper_version=1, **values | more)

    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        ApiKey.objects.bulk_create([key(n) for n in range(first, last)])


def people(organization, count, kind="member"):
    """Create members. All but the last may manage keys."""
    from echopoint.organizations.models import Membership, User

    name = organization.name.lower()
    users = [User(email=f"{kind}{n}@{name}.example") for n in range(count)]
    User.objects.bulk_create(users)
    Membership.objects.bulk_create(
        Membership(
            user=user,
            organization=organization,
            role="member" if user is users[-1] else "admin",
        )
        for user in users
    )
    return users


def refuse_retired(organization):
    """Record uses of some retired keys after they retired."""
    from django.utils import timezone

    from apikeys.models import ApiKey, Refusal

    retired = ApiKey.objects.for_org(organization).in_status("retired")
    Refusal.objects.bulk_create(
        Refusal(key=key, reason="API_KEY_RETIRED", minute=timezone.now(), count=1)
        for key in retired[:1000:3]
    )


def prepare(count):
    """Fill the database; return the organization to measure."""
    from django.db import connection

    from echopoint.organizations.models import Organization, User

    owner = User.objects.create_user("bench@example.com")
    large = Organization.objects.create_with_owner("Large", owner)
    other = Organization.objects.create_with_owner("Other", owner)
    fill(large, count, people(large, 100))
    fill(other, count // 4, people(other, 100), all_rare=True)
    for organization in (large, other):
        refuse_retired(organization)
    with connection.cursor() as cursor:
        vacuum = "VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE"
        cursor.execute(vacuum)
    return large


def form(organization, query):
    """Return the filters of a query string of the page."""
    from django.http import QueryDict

    from apikeys.forms.key_filters import KeyFilterForm

    form = KeyFilterForm.read(QueryDict(query), organization=organization)
    assert not form.ignored, form.ignored
    return form


def places(order, organization):
    """Return the cursors of the measured pages by name."""
    from apikeys.db import keyset
    from apikeys.models import ApiKey

    keys = ApiKey.objects.for_org(organization).annotate(sort_value=order.value)
    keys = keys.filter(sort_value__isnull=False)
    direction = "-" if order.descending else ""
    ordered = keys.order_by(f"{direction}sort_value", f"{direction}pk")
    place = keyset.cursor_of(ordered[int(keys.count() * DEEP)])
    return {"first": {}, "later": {"after": place}, "back": {"before": place}}


def timed(call):
    """Return the milliseconds of a call, the better of two runs."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def pages(organization, query):
    """Yield (milliseconds, order, page) for each measured page of a filter."""
    from apikeys.db import keyset
    from apikeys.forms.key_filters import SORTS
    from apikeys.models import ApiKey

    for sort, label in SORTS:
        filters = form(organization, f"{query}&sort={sort}")
        keys = ApiKey.objects.for_org(organization).with_people(organization)
        if sort not in known_places:
            known_places[sort] = places(filters.order, organization)
        for name, place in known_places[sort].items():

            def page(place=place, filters=filters, keys=keys):
                rows = filters.apply(keys)
                keyset.page(rows, filters.order, 50, **place)

            yield timed(page), label, name


known_places = {}


def measure(organization):
    """Print the slowest page of each filter."""
    from apikeys.models import ApiKey

    key = ApiKey.objects.for_org(organization).first()
    members = organization.memberships.order_by("pk")
    common, rare = members[1].user_id, members.last().user_id
    sys.stdout.write(f"{'filter':<24}{'median':>9}{'worst':>9}  worst page\n")
    for name, query in FILTERS.items():
        query = query.format(common=common, rare=rare, id=key.public_id)
        taken = sorted(pages(organization, query))
        worst, label, place = taken[-1]
        median = taken[len(taken) // 2][0]
        sys.stdout.write(f"{name:<24}{median:>9.1f}{worst:>9.1f}  {label}, {place}\n")
        sys.stdout.flush()
    start = time.perf_counter()
    ApiKey.objects.needing_attention(organization)
    sys.stdout.write(f"{'summary':<24}{(time.perf_counter() - start) * 1e3:>18.1f}\n")


def main(count):
    from django.db import connection

    start = time.perf_counter()
    organization = prepare(count)
    seconds = time.perf_counter() - start
    sys.stdout.write(
        f"{connection.vendor}, {count} keys of one organization, {count // 4} of"
        f" another; filled in {seconds:.0f} s. Milliseconds of a page:\n"
    )
    measure(organization)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        main(int(sys.argv[1]) if sys.argv[1:] else KEYS)
    finally:
        teardown_databases(databases, verbosity=0)
