"""The check and the export of a long audit chain; PostgreSQL."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from resource import RUSAGE_CHILDREN, getrusage
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from apikeys.audit import hash_chain
from apikeys.models import AuditChain, AuditEvent
from echopoint.core.characters import fold
from echopoint.organizations.models import Organization
from tests.bench.keys import owner
from tests.bench.results import Row
from tests.bench_memory import MIB, Watch, children_of, resident
from tests.concurrency import triggers
from tests.gunicorn_site import free_port, served
from tests.paths import ROOT
from tests.signing_in import sign_in
from tests.temporary_databases import url_of

GROUP = "Audit of {:,} events, PostgreSQL"
EVENTS_PER_SECOND = 60_000
ROWS_PER_SECOND = 40_000
MANY = 500_000  # events; with fewer, the start of the processes takes most of the time
MEMORY = 64  # MiB more than before the export
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["Déploiement", "CI main", "Nightly import", "Webshop (staging)"]
AGENTS = ["echopoint/0.1.0", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"]
CSRF = "c" * 32


def chain_of(organization_id, sequence, head, count):
    """Yield events that continue a chain, with their hashes."""
    for n in range(sequence + 1, sequence + count + 1):
        event = {
            "organization_id": organization_id,
            "sequence": n,
            "at": hash_chain.format_time(START + timedelta(milliseconds=977 * n), 2),
            "action": "api_key.renamed",
            "actor_type": "user",
            "actor_id": f"user_{n % 40:012}",
            "actor_label": f"person{n % 40}@example.com",
            "target_type": "api_key",
            "target_id": f"key_{n % 5000:012}",
            "target_label": f"{NAMES[n % 4]} {n % 5000}",
            "details": {"via": "page", "name": f"{NAMES[n % 4]} {n}", "before": "CI"},
            "ip": f"192.0.2.{n % 250}",
            "user_agent": AGENTS[n % 2],
            "request_id": f"{n:032x}",
            "prev_hash": head,
            "version": 2,
        }
        event["hash"] = head = hash_chain.event_hash(event)
        yield event


def fill(organization, count):
    """Append events to the chain in bulk, without the indexes of the list."""
    end = AuditChain.objects.of(organization)
    fields = AuditEvent._meta.concrete_fields
    columns = [field.column for field in fields if not field.primary_key]
    with connection.cursor() as cursor:
        drop_list_indexes(cursor)
        copy_rows = f"COPY apikeys_auditevent ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(copy_rows) as copy:
            for event in chain_of(organization.pk, end.length, end.head, count):
                copy.write_row([values_of(event)[name] for name in columns])
        end.length, end.head = event["sequence"], event["hash"]
        triggers("DISABLE")  # the end moves by one event at a time
        end.save()
        triggers("ENABLE")
        cursor.execute("VACUUM ANALYZE apikeys_auditevent")


def values_of(event):
    keys = {
        name: fold(event[label])
        for name, label in (
            ("actor_key", "actor_label"),
            ("target_key", "target_label"),
        )
    }
    return event | keys | {"details": json.dumps(event["details"])}


def drop_list_indexes(cursor):
    cursor.execute(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'apikeys_auditevent'"
        " AND indexdef NOT LIKE 'CREATE UNIQUE%%'"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'DROP INDEX "{name}"')


def verify(environment):
    """Run the command with two processes; return the seconds it took, and its memory.

    That is the memory of its largest process, in bytes.
    """
    command = [sys.executable, "manage.py", "verify_audit", "--jobs", "2"]
    start = time.perf_counter()
    out = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=True, text=True
    ).stdout
    seconds = time.perf_counter() - start
    if "are intact" not in out:
        raise RuntimeError(f"The chain is not intact: {out}")
    return seconds, getrusage(RUSAGE_CHILDREN).ru_maxrss * 1024


def export_request(organization, port, format, query=""):
    """Return the request of a signed-in person for an export."""
    client = Client()
    sign_in(client, owner())
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = {
        settings.SESSION_COOKIE_NAME: session,
        settings.CSRF_COOKIE_NAME: CSRF,
    }
    path = reverse("apikeys:audit_export", args=[organization.pk])
    return urllib.request.Request(  # noqa: S310, our own server
        f"http://127.0.0.1:{port}{path}{query}",
        urlencode({"format": format, "csrfmiddlewaretoken": CSRF}).encode(),
        {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
    )


def export(request):
    """Send the request; return the number of lines and the seconds."""
    start, lines = time.perf_counter(), 0
    with urllib.request.urlopen(request) as response:  # noqa: S310
        while part := response.read(MIB):
            lines += part.count(b"\n")
    return lines, time.perf_counter() - start


def measure(count):
    organization = Organization.objects.create_with_owner("Bench", owner())
    fill(organization, count)
    url = url_of(connection.settings_dict["NAME"])
    environment = os.environ | {"DATABASE_URL": url}
    group = GROUP.format(count)
    seconds, memory = verify(environment)
    goal = EVENTS_PER_SECOND if count >= MANY else None
    return [
        Row(group, "verify_audit --jobs 2", count / seconds, "events/s", ">=", goal),
        Row(group, "its largest process", memory / MIB, "MiB"),
        *export_rows(organization, environment, group),
    ]


def export_rows(organization, environment, group):
    rows, port = [], free_port()
    with served(environment, port) as server:
        for _ in range(10):  # each process loads what the first request needs
            export(export_request(organization, port, "csv", "?actor=nobody"))
        processes = children_of(server.pid)
        for format in ("csv", "ndjson"):
            request = export_request(organization, port, format)
            before = resident(processes)
            with Watch(processes) as memory:
                lines, seconds = export(request)
            name, growth = f"{format.upper()} export", (memory.peak - before) / MIB
            rows += [
                Row(group, name, lines / seconds, "rows/s", ">=", ROWS_PER_SECOND),
                Row(group, f"{name}, more memory", growth, "MiB", goal=MEMORY),
            ]
    return rows
