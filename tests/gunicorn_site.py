"""A real server: gunicorn, with a database of its own and the demo in it."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from functools import cached_property

import psycopg
import pytest
from cryptography.fernet import Fernet

from tests.paths import ROOT

# For tests that send as much as they can.
UNLIMITED = dict.fromkeys(
    (
        *("API_REQUESTS_PER_MINUTE", "API_MAX_REQUESTS_PER_MINUTE"),
        *("CAPTURES_PER_MINUTE", "CAPTURES_PER_MINUTE_AND_ORGANIZATION"),
        *("LAUNCHES_PER_MINUTE", "LEAK_REPORTS_PER_MINUTE"),
        *("MAX_WEBHOOKS", "MAX_FLOWS", "MAX_COLLECTIONS"),
    ),
    "100000000",
)


@contextmanager
def database(folder):
    """Yield the URL of a database of our own, of the kind that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield f"sqlite:///{folder / 'site.sqlite3'}"
        return
    name = f"site_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield re.sub(r"/[^/]*$", f"/{name}", url)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port():
    """Return a free port that stays free until the server is there.

    Systems choose ports above these for sockets that ask for any, as other workers do.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Site:
    """The running site and its demo organization."""

    def __init__(self, environment, demo):
        self.environment = environment
        self.url = demo["url"]
        self.demo = demo

    @cached_property
    def past(self):
        """Return what `seed` made in the site: people, organizations, keys, pages."""
        password = secrets.token_urlsafe(12)
        return json.loads(run(self.environment, "-m", "tests.browser.seed", password))

    def forget_sign_in(self, session_id):
        """Make a session's sign-in an hour old, so that the site asks once more."""
        code = (
            "from django.contrib.sessions.backends.db import SessionStore;"
            "from tests.signing_in import set_back;"
            f"set_back(SessionStore({session_id!r}), 3600)"
        )
        manage(self.environment, "shell", "--verbosity", "0", "--command", code)

    def echopoint(self, secret, *arguments):
        """Run the command with a key; return its exit code and what it wrote to stdout."""
        ended = subprocess.run(
            [sys.executable, "-m", "echopoint.cli", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "ECHOPOINT_API_URL": self.url,
                "ECHOPOINT_API_KEY": secret,
                "ECHOPOINT_ORGANIZATION_ID": self.demo["organization_id"],
            },
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        return ended.returncode, ended.stdout

    def get(self, path, secret):
        """Return (status, body) of a request with a key, as a program sends it."""
        request = urllib.request.Request(  # noqa: S310, our own server
            self.url + path,
            headers={
                "X-Api-Key": secret,
                "X-Organization-Id": self.demo["organization_id"],
            },
        )
        try:
            with urllib.request.urlopen(request) as response:  # noqa: S310
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def manage(environment, *arguments):
    return run(environment, "manage.py", *arguments)


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def environment_of(folder, url, **variables):
    """Return the environment of a site with a free port; `variables` override it."""
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(48),
        "API_KEY_PEPPERS": f"1:{secrets.token_urlsafe(48)}",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": url,
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "HTTPS": "false",
        "DEMO": "true",
        "PORT": str(free_port()),
        "STATIC_ROOT": str(folder / "static"),
    } | variables


@contextmanager
def running_site(folder, *, pages=True, **variables):
    """Yield the site, served by gunicorn with two processes while the block runs.

    Without its pages it is there sooner: their static files are not collected. Tests
    get one much sooner from the fixture of this name.
    """
    with database(folder) as url:
        environment = environment_of(folder, url, **variables)
        manage(environment, "migrate", "--verbosity", "0")
        if pages:
            manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
        remember = str(folder / "demo.json")
        demo = json.loads(manage(environment, "demo", "--json", "--remember", remember))
        with served(environment, int(environment["PORT"])):
            yield Site(environment, demo)


@contextmanager
def served(environment, place, log=None):
    """Serve while the block runs, and log to a file; yield the server's process.

    The place is a port, or the path of a unix socket.
    """
    if isinstance(place, str):
        family, address, bind = socket.AF_UNIX, place, f"unix:{place}"
    else:
        family, address = socket.AF_INET, ("127.0.0.1", place)
        bind = f"127.0.0.1:{place}"
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "echopoint.wsgi"),
            *("--bind", bind, "--workers", "2", "--threads", "4"),
            *("--log-level", "warning"),
        ],
        cwd=ROOT,
        env=environment,
        stderr=log,
    )
    try:
        wait_for(address, family, server)
        yield server
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address, family, server):
    for _ in range(300):
        if server.poll() is not None:
            pytest.fail("The server did not start.")
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.1)
    pytest.fail("The server did not answer.")
