"""Two servers with one database and one Redis, and clients of both."""

import copy
import os
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import httpx

from tests.faults.load import PATIENCE
from tests.faults.site import Site
from tests.gunicorn_site import database

POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/9"


@contextmanager
def two_servers(folder):
    """Yield two running servers of one site."""
    os.environ.setdefault("DATABASE_URL", POSTGRESQL)
    redis = os.environ.get("REDIS_URL", REDIS)
    (folder / "static").mkdir()  # empty, or each process would warn
    with database(folder) as url:
        first = Site(
            folder,
            SimpleNamespace(url=url),
            static_files=False,
            DJANGO_SETTINGS_MODULE="tests.scale.settings",
            LOG_LEVEL="warning",
            REDIS_URL=redis,
            RUNNER_POLL_SECONDS="2",
        )
        pair = first, beside(first)
        try:
            for server in pair:
                server.start()
            yield pair
        finally:
            for server in pair:
                # A claim may have failed between a stop and a start.
                if hasattr(server, "process") and server.process.poll() is None:
                    server.stop()


def beside(site):
    """Return a second server of the site, on a port of its own."""
    other = copy.copy(site)
    other.listen()
    return other


def http():
    """Return a client with a connection for each request, as nginx has to its servers."""
    return httpx.Client(
        timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0)
    )


class Person:
    """The demo's owner in a browser."""

    def __init__(self, site):
        self.site, self.http = site, http()

    def sign_in(self, server):
        path = f"{server.url}/accounts/login/"
        token = re.search(
            r'name="csrfmiddlewaretoken" value="([^"]+)"', self.http.get(path).text
        )
        self.http.post(
            path,
            data={
                "csrfmiddlewaretoken": token[1],
                "login": self.site.demo["email"],
                "password": self.site.demo["password"],
            },
        )

    def get_keys(self, server):
        """Return the status of the list of keys: 200 if it knows the session."""
        return self.http.get(self.path(server)).status_code

    def sign_out(self, server):
        return self.post(f"{server.url}/accounts/logout/")

    def change(self, server, key, verb):
        """Suspend, resume or revoke a key on its page."""
        status = self.post(f"{self.path(server)}{key.public_id}/{verb}/")
        if status != 302:
            raise RuntimeError(f"The page answered {status}: {verb}.")

    def path(self, server):
        return f"{server.url}/orgs/{self.site.demo['organization_id']}/api-keys/"

    def post(self, path):
        token = self.http.cookies["csrftoken"]
        return self.http.post(path, data={"csrfmiddlewaretoken": token}).status_code


class Balancer:
    """Sends each request to the next server, as a load balancer does.

    A refused connection has not reached the site, so the request goes to the other server.
    A request that a server may have begun is not repeated.
    """

    def __init__(self, servers, headers):
        self.servers, self.headers = servers, headers
        self.failures, self.sent, self.moved = Counter(), 0, 0
        self.noting, self.ended = threading.Lock(), threading.Event()

    @contextmanager
    def running(self, requests, *, threads=4):
        """Send the requests, (method, path, body), again and again while the block runs."""
        workers = [
            threading.Thread(target=self.repeat, args=[requests, n])
            for n in range(threads)
        ]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            self.ended.set()
            for worker in workers:
                worker.join()

    def repeat(self, requests, turn):
        with http() as client:
            while not self.ended.is_set():
                for request in requests:
                    turn += 1
                    self.send(client, turn, *request)

    def send(self, client, turn, method, path, body):
        result, moved = "refused by both", False
        for server in (self.servers[turn % 2], self.servers[(turn + 1) % 2]):
            try:
                answer = client.request(
                    method, server.url + path, json=body, headers=self.headers
                )
                result = answer.status_code
                break
            except httpx.ConnectError:
                moved = True
            except httpx.HTTPError as error:
                result = type(error).__name__
                break
        with self.noting:
            self.sent += 1
            self.moved += moved
            if result not in {200, 201, 202}:
                self.failures[f"{method} {path}: {result}"] += 1


def at_once(work, arguments):
    """Call the function with each of the arguments, in a thread each; return the results."""
    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(work, arguments))


def told(counts):
    """Return counts as text, without those of zero."""
    return ", ".join(f"{n} × {what}" for what, n in counts.items() if n) or "none"
