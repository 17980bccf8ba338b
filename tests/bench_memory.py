"""Measure the memory used by searches of large captured requests: `make bench-memory`.

Serves the site with two processes, keeps 1,000 requests of 1 MiB, searches eight times at
once, with a text and without, and prints how much the processes grew beyond idle.
"""

import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.gunicorn_site import manage, running_site

REQUESTS, AT_ONCE = 1000, 8
MIB = 1024 * 1024
FILL = """
from echopoint.organizations.models import Organization
from echopoint.webhooks.models import CapturedRequest, Webhook
webhook = Webhook.objects.create(organization=Organization.objects.get(), name="Large")
line = "The quick brown fox jumps over the lazy dog, number %d. "
for n in range({requests}):
    body = "".join(line % (n * 7 + i) for i in range(20000))[: {mib}]
    CapturedRequest.objects.create(webhook=webhook, method="POST", body=body)
print(webhook.pk)
"""


def children_of(pid):
    """Return the pids of the child processes."""
    return [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if stat.read_text().rpartition(")")[2].split()[1] == str(pid)
    ]


def resident(pids):
    """Return the total memory of the processes in bytes."""
    pages = (int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in pids)
    return sum(pages) * 4096


class Watch:
    """Record the peak of total memory while the block runs."""

    def __init__(self, pids):
        self.pids, self.peak, self.over = pids, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.over.is_set():
            self.peak = max(self.peak, resident(self.pids))
            time.sleep(0.01)

    def __exit__(self, *raised):
        self.over.set()
        self.thread.join()


def search(site, secret, webhook, body):
    """Return (status, response size in bytes, seconds)."""
    request = urllib.request.Request(  # noqa: S310, our own server
        f"{site.url}/webhooks/{webhook}/requests/search",
        json.dumps(body).encode(),
        {
            "X-Api-Key": secret,
            "X-Organization-Id": site.demo["organization_id"],
            "Content-Type": "application/json",
        },
    )
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, len(answer.read()), time.monotonic() - begun
    except urllib.error.HTTPError as error:
        return error.code, len(error.read()), time.monotonic() - begun


SEARCHES = {
    "pages of 100": {"pagination": {"limit": 100}},
    "a text that all have": {"full_text_search": "FOX", "pagination": {"limit": 100}},
    "a text that none has": {"full_text_search": "giraffe"},
}


def main():
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder)) as site:
        fill = FILL.format(requests=REQUESTS, mib=MIB)
        webhook = manage(site.environment, "shell", "-v0", "-c", fill).strip()
        command = ["issue_api_key", "--organization", site.demo["organization_id"]]
        command += ["--name", "bench", "--scope", "webhooks:read", "--json"]
        secret = json.loads(manage(site.environment, *command))["secret"]
        (server,) = children_of(os.getpid())
        workers = children_of(server)
        for _ in range(20):
            search(site, secret, webhook, {"pagination": {"limit": 1}})
        for name, body in SEARCHES.items():
            measure(name, body, site, secret, webhook, workers)


def measure(name, body, site, secret, webhook, workers):
    idle = resident(workers)
    with Watch(workers) as watch, ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            pool.submit(search, site, secret, webhook, body) for _ in range(AT_ONCE)
        ]
        answers = [future.result() for future in asked]
    statuses = sorted({status for status, _, _ in answers})
    largest = max(size for _, size, _ in answers) / MIB
    slowest = max(seconds for _, _, seconds in answers)
    sys.stdout.write(
        f"{AT_ONCE} × {name}: {statuses}, largest answer {largest:.1f} MiB, slowest"
        f" {slowest:.1f} s, {(watch.peak - idle) / MIB:.0f} MiB over idle\n"
    )


if __name__ == "__main__":
    main()
