"""What is true of a site with a read replica. Each claim returns (measured, is so)."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

from tests.faults.services import until
from tests.gunicorn_site import manage
from tests.scale.servers import told

CHANGES = 20
ROUNDS = 10
WITHIN = 10  # seconds; the test machine is busy
# Tables that requests with a key read for lists and the audit only.
LISTED = (
    *("flows_flow", "flows_flowtag", "webhooks_webhook", "collections_collection"),
    *("apikeys_auditevent", "apikeys_auditchain"),
)
FLOW = {"flow_definition": {"name": "F", "version": "1", "nodes": []}}
EVENTS = 20_000
CONFLICTS, CONFLICTING = 3, 60  # seconds to wait for so many


def read_from_replica(site):
    """Lists and the audit are read from the replica"""
    site.use_replica()
    statements, states, statuses = {}, {}, Counter()
    with (
        site.counted_reads(states),
        site.counted_statements(LISTED, statements),
    ):
        for n in range(ROUNDS):
            statuses.update(site.read_lists(n))
    return (
        f"{told(statuses)}, statements of lists: {statements['replica']} on the replica,"
        f" {statements['primary']} on the primary; reads: {told(states)}",
        set(statuses) == {200}
        and statements["replica"] > 10 * ROUNDS
        # A use of the key is written once a minute; the next list may be the primary's.
        and statements["primary"] <= statements["replica"] * 0.1,
    )


def own_writes(site):
    """A list shows what its organization just changed, although the replica is paused"""
    site.use_replica()
    wrong, states = Counter(), {}
    with site.counted_reads(states), site.standby.paused():
        for n in range(CHANGES):
            created = site.send("POST", "/flows", FLOW | {"name": f"Own {n}"}, turn=n)
            id = created.json()["id"]
            if id not in listed(site, n + 1):
                wrong["flow created, not listed"] += 1
            site.send("DELETE", f"/flows/{id}", turn=n)
            if id in listed(site, n + 1):
                wrong["flow deleted, listed"] += 1
            if not shows_change(site, n):
                wrong["policy changed, not in the audit"] += 1
    return (
        f"{3 * CHANGES} changes, wrong: {told(wrong)}; reads: {told(states)}",
        not wrong and states.get("used", 0) == 0,
    )


def listed(site, turn):
    """Return the ids that the list and the search show on a server."""
    items = site.send("GET", "/flows?limit=100", turn=turn).json()["items"]
    found = site.send(
        "POST", "/flows/search", {"pagination": {"limit": 100}}, turn=turn
    )
    ids = {item["id"] for item in items}
    assert ids == {item["id"] for item in found.json()["items"]}
    return ids


def shows_change(site, n):
    """Set a variable on one server; return whether the audit on the other shows it."""
    name = f"OWN_{n}_{time.time_ns()}"
    path = f"/organization/variables/{name}"
    body = {"value": "1", "secret": False}
    headers = {"X-Organization-Id": site.headers["X-Organization-Id"]}
    headers["X-CSRFToken"] = site.person.http.cookies["csrftoken"]
    server = site.servers[n % 2]
    answer = site.person.http.put(server.url + path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return name in site.page("audit/", turn=n + 1).text


def command(site):
    """`verify_audit --database replica` reads the audit from the replica"""
    site.use_replica()
    command = ("verify_audit", "--json", "--database", "replica")
    statements = {}
    with site.counted_statements(["apikeys_auditevent"], statements):
        found = json.loads(manage(site.servers[0].environment, *command))
    return (
        f"intact: {found['intact']}, statements: {told(statements)}",
        found["intact"] and statements["replica"] > 0 and not statements["primary"],
    )


def others_writes(site):
    """Meanwhile an organization that changed nothing still reads the replica"""
    site.use_replica()
    states = {}
    with site.standby.paused():
        site.primary.execute("CREATE TABLE other AS SELECT 1 AS change")
        with site.counted_reads(states):
            statuses = Counter(site.read_lists(0))
    return (
        f"{told(statuses)}; reads: {told(states)}",
        set(statuses) == {200} and states.get("used", 0) >= len(statuses),
    )


def lost_positions(site):
    """What Redis forgets is not forgotten: after its restart lists show the last change"""
    site.use_replica()
    states = {}
    with site.counted_reads(states), site.standby.paused():
        created = site.send("POST", "/flows", FLOW | {"name": "Before the restart"})
        id = created.json()["id"]
        site.redis.stop()
        without = id in listed(site, 1)
        site.redis.start()
        time.sleep(11)  # until both servers call Redis again
        shown = [id in listed(site, turn) for turn in range(8)]
    site.send("DELETE", f"/flows/{id}")
    return (
        f"shown without Redis: {without}, shown after it: {sum(shown)} of {len(shown)};"
        f" reads: {told(states)}",
        without and all(shown) and states.get("used", 0) == 0,
    )


def conflicts(site):
    """Conflicts with recovery fail no list and no export"""
    add_events(site.primary)
    site.use_replica()
    states, statuses, before = {}, Counter(), conflicts_of(site)
    with site.counted_reads(states), tables_locked(site.primary):
        end = time.monotonic() + CONFLICTING
        while time.monotonic() < end and conflicts_of(site) < before + CONFLICTS:
            statuses.update(site.read_lists(1))
            answer, numbers = export(site)
            is_whole = numbers == list(range(1, len(numbers) + 1))
            statuses[answer.status_code if is_whole else "export with gaps"] += 1
    found = conflicts_of(site) - before
    return (
        f"{told(statuses)}, {found} conflicts on the replica; reads: {told(states)}",
        set(statuses) == {200} and found >= CONFLICTS,
    )


def conflicts_of(site):
    query = "SELECT sum(conflicts)::int FROM pg_stat_database"
    return max(site.standby.column(query))


@contextmanager
def tables_locked(primary):
    """Lock tables again and again: to replay that, a standby cancels what reads them."""
    ended = threading.Event()

    def lock():
        while not ended.wait(0.02):
            for table in ("apikeys_auditevent", "flows_flow"):
                primary.execute(
                    f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; COMMIT"
                )

    locking = threading.Thread(target=lock)
    locking.start()
    try:
        yield
    finally:
        ended.set()
        locking.join()


def export_form(site):
    """Return the address and the form of an export of the audit."""
    path = f"{site.person.path(site.servers[0])}audit/export/"
    token = site.person.http.cookies["csrftoken"]
    return path, {"csrfmiddlewaretoken": token, "format": "ndjson"}


def export(site):
    """Export the audit; return the answer and the numbers of its events."""
    path, form = export_form(site)
    answer = site.person.http.post(path, data=form)
    return answer, sequences(answer.content)


def export_goes_on(site):
    """An export goes on with the primary when the replica is killed in the middle of it"""
    site.use_replica()
    path, form = export_form(site)
    statements, text = {}, b""
    with (
        site.counted_statements(["apikeys_auditevent"], statements),
        site.person.http.stream("POST", path, data=form) as answer,
    ):
        chunks = answer.iter_bytes(64 * 1024)
        text += next(chunks)
        kill(site.standby)
        for chunk in chunks:
            text += chunk
    site.standby.start()
    numbers = sequences(text)
    return (
        f"{answer.status_code}, {len(text) // 1000} kB, events 1 to {numbers[-1]},"
        f" statements: {told(statements)}",
        numbers == list(range(1, len(numbers) + 1))
        and len(numbers) > EVENTS
        and statements["primary"] > 0,
    )


def sequences(text):
    """Return the numbers of exported events."""
    return [json.loads(line)["sequence"] for line in text.splitlines()]


def add_events(primary):
    """Add events to the audit of the demo. Their hashes are wrong, which no export checks."""
    columns = [
        name
        for name in primary.column(
            "SELECT column_name::text FROM information_schema.columns"
            " WHERE table_name = 'apikeys_auditevent'"
        )
        if name not in {"id", "sequence"}
    ]
    names = ", ".join(f'"{name}"' for name in columns)
    chain = "(SELECT max(length) FROM apikeys_auditchain)"
    primary.execute(
        "SET session_replication_role = replica;"  # noqa: S608, without the triggers
        f"INSERT INTO apikeys_auditevent (sequence, {names})"
        f" SELECT {chain} + n, {names}"
        f" FROM generate_series(1, {EVENTS}) n,"
        f" (SELECT * FROM apikeys_auditevent ORDER BY id LIMIT 1) event;"
        f"UPDATE apikeys_auditchain SET length = length + {EVENTS}"
        f" WHERE length = {chain}"
    )


def kill(standby):
    """Kill all processes of the standby, as a power cut would."""
    with suppress(OSError):
        standby.stop("immediate")


def killed(site):
    """With the replica killed, lists are read from the primary, and later from it again"""
    site.use_replica()
    states = {}
    kill(site.standby)
    with site.counted_reads(states):
        statuses, slowest = timed_lists(site)
    ready = site.ready()
    site.standby.start()
    begun = time.monotonic()
    until(site.is_used, "The replica is not used again.")
    return (
        f"{told(statuses)}, slowest {slowest:.1f} s; reads: {told(states)};"
        f" ready: {ready[0]}, {ready[1]}; used again after"
        f" {time.monotonic() - begun:.0f} s",
        set(statuses) == {200} and states.get("used", 0) == 0 and slowest < WITHIN,
    )


def hangs(site):
    """With the replica hanging, lists are read from the primary"""
    site.use_replica()
    with site.standby.hanging():
        statuses, slowest = timed_lists(site)
    return (
        f"{told(statuses)}, slowest {slowest:.1f} s",
        set(statuses) == {200} and slowest < WITHIN,
    )


def timed_lists(site):
    """Read each list from each server; return the statuses, and the slowest list's time."""
    statuses, slowest = Counter(), 0
    for n in range(ROUNDS):
        for path in ("/flows", "/webhooks", "/collections", "/executions"):
            begun = time.monotonic()
            statuses[site.send("GET", path, turn=n).status_code] += 1
            slowest = max(slowest, time.monotonic() - begun)
        begun = time.monotonic()
        statuses[site.page("audit/", turn=n).status_code] += 1
        slowest = max(slowest, time.monotonic() - begun)
    return statuses, slowest


def promoted(site):
    """A replica that was promoted is not read: it has a history of its own"""
    site.use_replica()
    states = {}
    site.standby.run("pg_ctl", "promote", "--wait")
    with site.counted_reads(states):
        statuses = Counter(site.read_lists(0))
    time.sleep(11)  # what the probe found is kept for 10 seconds
    ready = site.ready()
    return (
        f"{told(statuses)}; reads: {told(states)}; ready: {ready[0]}, {ready[1]}",
        set(statuses) == {200}
        and states.get("used", 0) == 0
        and ready[:2] == (200, "degraded"),
    )


CLAIMS = (
    read_from_replica,
    own_writes,
    others_writes,
    command,
    lost_positions,
    conflicts,
    export_goes_on,
    killed,
    hangs,
    promoted,
)
