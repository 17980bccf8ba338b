"""Clients that send requests during a fault and remember acknowledged writes."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager

PATIENCE = 30  # seconds that a client waits for an answer
NO_ANSWER = "no answer"
INSECURE = ssl._create_unverified_context()  # noqa: S323, the certificate is our own


class Client:
    """Sends requests with a key and counts the outcomes."""

    def __init__(self, url, secret, organization_id):
        self.url = url
        self.headers = {"X-Api-Key": secret, "X-Organization-Id": organization_id}
        self.outcomes, self.slowest = Counter(), 0.0
        self.noting = threading.Lock()

    def send(self, path, body=None, **headers):
        """Return (status, headers, body); the status is `NO_ANSWER` without a response."""
        data = None if body is None else json.dumps(body).encode()
        sent = self.headers | {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.url + path, data, sent)  # noqa: S310
        begun = time.monotonic()
        answer = answered(request)
        with self.noting:
            self.outcomes[answer[0]] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
        return answer

    def saw(self):
        """Return the outcomes as text."""
        listed = ", ".join(f"{n} × {status}" for status, n in self.outcomes.items())
        return f"{listed}; slowest {self.slowest:.1f} s"


def answered(request):
    try:
        with urllib.request.urlopen(  # noqa: S310, our own server
            request, timeout=PATIENCE, context=INSECURE
        ) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()
    except OSError:
        return NO_ANSWER, {}, ""


class Load:
    """Concurrent readers and writers; `acknowledged` has the ids of written rows by table."""

    # Fewer than a webhook stores, so that none is dropped.
    CAPTURES = 500

    def __init__(self, client, flow_id):
        self.client, self.flow_id = client, flow_id
        self.acknowledged = {
            "webhooks_webhook": [],
            "webhooks_capturedrequest": [],
            "executions_execution": [],
        }
        self.ended = threading.Event()

    @contextmanager
    def running(self):
        """Send requests while the block runs."""
        writers = (self.capture, self.launch, self.read)
        threads = [threading.Thread(target=self.repeat, args=[w]) for w in writers]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()

    def repeat(self, write):
        while not self.ended.is_set():
            write()
            time.sleep(0.02)

    def read(self):
        self.client.send("/flows")

    def launch(self):
        path = f"/flows/{self.flow_id}/launch"
        answer = self.client.send(path, {"runner_type": "ephemeral"})
        self.note("executions_execution", answer, lambda b: b["execution"]["id"])

    def capture(self):
        webhooks = self.acknowledged["webhooks_webhook"]
        captured = len(self.acknowledged["webhooks_capturedrequest"])
        if len(webhooks) <= captured // self.CAPTURES:
            answer = self.client.send("/webhooks", {"name": f"W{time.time_ns()}"})
            self.note("webhooks_webhook", answer, lambda b: b["id"])
        if webhooks:
            answer = self.client.send(f"/webhook/{webhooks[-1]}", {"n": captured})
            self.note("webhooks_capturedrequest", answer, lambda b: b["request_id"])

    def note(self, table, answer, id_of):
        status, _, text = answer
        if status in {200, 201, 202}:
            self.acknowledged[table].append(id_of(json.loads(text)))

    def lost(self, database):
        """Return the acknowledged rows that are missing in the database."""
        return [
            id
            for table, ids in self.acknowledged.items()
            for id in set(ids) - database.column(f"SELECT id::text FROM {table}")  # noqa: S608
        ]

    @property
    def writes(self):
        return sum(map(len, self.acknowledged.values()))
