"""A real server, gunicorn with the policies on, and a real browser."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def database(folder):
    """Yield the URL of a database of our own, of the kind that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield f"sqlite:///{folder / 'browser.sqlite3'}"
        return
    name = f"browser_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield re.sub(r"/[^/]*$", f"/{name}", url)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """The running site and its demo organization."""

    def __init__(self, environment, demo):
        self.environment = environment
        self.url = demo["url"]
        self.demo = demo

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
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the site, served by gunicorn with two processes."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    with database(folder) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": secrets.token_urlsafe(48),
            "API_KEY_PEPPERS": f"1:{secrets.token_urlsafe(48)}",
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": url,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "HTTPS": "false",
            "PORT": str(port),
        }
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
        remember = str(folder / "demo.json")
        demo = json.loads(manage(environment, "demo", "--json", "--remember", remember))
        with served(environment, port):
            yield Site(environment, demo)


@contextmanager
def served(environment, port):
    """Serve while the block runs."""
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "echopoint.wsgi"),
            *("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"),
            *("--log-level", "warning"),
        ],
        cwd=ROOT,
        env=environment,
    )
    try:
        wait_for(port, server)
        yield
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port, server):
    for _ in range(300):
        if server.poll() is not None:
            pytest.fail("The server did not start.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("The server did not answer.")


@pytest.fixture(scope="session")
def browser():
    """Return Debian's Chromium; it is an error, not a skip, when it is missing."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail("Chromium is missing. Install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=CHROMIUM_FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site):
    """Return a maker of pages, and fail when one of them broke a policy or a script."""
    contexts, complaints = [], []

    def open_page(**options):
        context = browser.new_context(base_url=site.url, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def sign_in(site):
    """Return what signs a page in as the demo's owner."""

    def sign_in(page):
        page.goto("/accounts/login/")
        page.get_by_label("E-mail").fill(site.demo["email"])
        page.get_by_label("Password").fill(site.demo["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/api-keys/")

    return sign_in
