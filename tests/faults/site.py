"""The site, as processes that tests can kill and restart."""

import json
import os
import secrets
import signal
import subprocess
import sys
from functools import cached_property

from cryptography.fernet import Fernet

from apikeys.scopes import SCOPES
from tests.faults.load import Client
from tests.faults.services import answers, until
from tests.gunicorn_site import ROOT, UNLIMITED, free_port, manage


class Site:
    """gunicorn with two workers, and the demo organization in its database."""

    def __init__(self, folder, postgresql, *, static_files=True, **settings):
        self.postgresql = postgresql
        self.log = folder / "log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": secrets.token_urlsafe(48),
            "API_KEY_PEPPERS": f"1:{secrets.token_urlsafe(48)}",
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": postgresql.url,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "HTTPS": "false",
            "DEMO": "true",
            "STATIC_ROOT": str(folder / "static"),
            **UNLIMITED,
        } | settings
        self.listen()
        manage(self.environment, "migrate", "--verbosity", "0")
        if static_files:
            manage(self.environment, "collectstatic", "--noinput", "--verbosity", "0")
        remember = str(folder / "demo.json")
        demo = manage(self.environment, "demo", "--json", "--remember", remember)
        self.demo = json.loads(demo)

    def listen(self):
        """Choose a port."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = self.environment | {"PORT": str(self.port)}

    @cached_property
    def secret(self):
        """Issue a key with every scope."""
        command = ["issue_api_key", "--organization", self.demo["organization_id"]]
        command += ["--name", "faults", "--json"]
        for scope in SCOPES:
            command += ["--scope", scope]
        return json.loads(manage(self.environment, *command))["secret"]

    def client(self, url=None):
        return Client(url or self.url, self.secret, self.demo["organization_id"])

    @cached_property
    def flow_id(self):
        return json.loads(self.client().send("/flows")[2])["items"][0]["id"]

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "echopoint.wsgi"),
                    *("--bind", f"127.0.0.1:{self.port}"),
                    *("--workers", "2", "--threads", "4", "--log-level", "warning"),
                ],
                cwd=ROOT,
                env=self.environment,
                stderr=log,
            )
        until(lambda: answers(self.port), "The server did not start.")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def workers(self):
        """Return the pids of gunicorn's workers."""
        listed = subprocess.run(
            ["/bin/ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in listed.stdout.split()]

    def kill(self):
        """Kill the server and its workers, as a power cut would."""
        workers = self.workers()
        self.process.kill()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        self.process.wait()

    def logged(self):
        return self.log.read_text()
