"""PostgreSQL, Redis, nginx and a mail server, to hang, kill, fill and restart."""

import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.gunicorn_site import free_port
from tests.paths import ROOT

SERVERS = "postgres"  # PostgreSQL refuses to run as root


def until(is_so, what, seconds=60):
    """Wait for a condition, or fail with the description."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def open_folder():
    """Yield a folder that other users can read; pytest's folders are private."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class PostgreSQL:
    """A PostgreSQL server with its data in a folder."""

    def __init__(self, folder, **settings):
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self.data, self.port = folder / "data", free_port()
        self.data.mkdir(0o700)
        shutil.chown(self.data, SERVERS)
        self.create()
        given = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "logging_collector": "off",
        } | settings
        with open(self.data / "postgresql.conf", "a") as configuration:
            configuration.writelines(f"{k} = '{v}'\n" for k, v in given.items())

    def create(self):
        self.run("initdb", "--auth", "trust", "--username", "postgres", "--no-sync")

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program, *arguments):
        subprocess.run(
            [self.bin / program, "--pgdata", self.data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **as_server(),
        )

    def start(self):
        log = self.data / "server.log"
        self.run("pg_ctl", "start", "--wait", "--log", log)

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "--wait", "--mode", mode)

    def restart(self):
        """Stop as a power cut would, and start again."""
        self.stop("immediate")
        self.start()

    def processes(self):
        """Return the pids of the server and its child processes."""
        (first, *_) = (self.data / "postmaster.pid").read_text().splitlines()
        listed = subprocess.run(
            ["/bin/ps", "-o", "pid=", "--pid", first, "--ppid", first],
            capture_output=True,
            text=True,
            check=True,
        )
        return [int(pid) for pid in listed.stdout.split()]

    @contextmanager
    def hanging(self):
        """Suspend the server while the block runs; connections stay open."""
        stopped = self.processes()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def execute(self, statement, *values):
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, values or None)

    def column(self, statement, *values):
        """Return the first column of a query as a set."""
        with psycopg.connect(self.url) as connection:
            return {row[0] for row in connection.execute(statement, values)}


class Standby(PostgreSQL):
    """A hot standby, which replays what its primary writes."""

    def __init__(self, folder, primary, **settings):
        self.primary = primary
        super().__init__(folder, **settings)

    def create(self):
        place = ("--host", "127.0.0.1", "--port", str(self.primary.port))
        options = ("--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
        self.run("pg_basebackup", *place, "--username", "postgres", *options)

    def execute(self, statement, *values):
        return unless_cancelled(super().execute, statement, *values)

    def column(self, statement, *values):
        return unless_cancelled(super().column, statement, *values)

    def has_caught_up(self):
        """Return True if everything is replayed that the primary has written by now."""
        (written,) = self.primary.column("SELECT pg_current_wal_lsn()::text")
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        return self.column(replayed, written) == {True}

    @contextmanager
    def paused(self):
        """Replay nothing while the block runs."""
        self.execute("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        until(lambda: self.column(state) == {"paused"}, "It did not pause.")
        try:
            yield
        finally:
            self.execute("SELECT pg_wal_replay_resume()")


def unless_cancelled(ask, statement, *values):
    """Ask a standby again while conflicts with recovery cancel the statement."""
    while True:
        with suppress(psycopg.errors.SerializationFailure):
            return ask(statement, *values)


def as_server():
    return {"user": SERVERS} if os.geteuid() == 0 else {}


@contextmanager
def small_disk(folder, megabytes):
    """Mount a disk of this size while the block runs; needs root."""
    size = f"size={megabytes}m"
    mount = ["/bin/mount", "-t", "tmpfs", "-o", size, "tmpfs", folder]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "--lazy", folder], check=True)


class Redis:
    """A Redis server without persistence."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/bin/redis-server", "--port", str(self.port), "--save", ""],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        until(lambda: answers(self.port), "Redis did not start.")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def hanging(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class Nginx:
    """nginx with the shipped configuration, except for names, ports and files."""

    def __init__(self, folder, upstream_port):
        self.folder, self.process = folder, None
        self.port, plain = free_port(), free_port()
        certificate(folder / "site.pem", folder / "site.key")
        shipped = (ROOT / "echopoint/nginx.conf").read_text()
        ours = {
            r"server 127\.0\.0\.1:8000": f"server 127.0.0.1:{upstream_port}",
            r"listen \[::\]:\d+( ssl)?;": "",
            r"listen 80;": f"listen 127.0.0.1:{plain};",
            r"listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            r"/etc/ssl/keys\.example\.com\.pem": str(folder / "site.pem"),
            r"/etc/ssl/private/keys\.example\.com\.key": str(folder / "site.key"),
            r"/var/log/nginx/echopoint\.log": str(folder / "access.log"),
            r"keys\.example\.com": "localhost",
        }
        for pattern, text in ours.items():
            shipped, found = re.subn(pattern, text, shipped)
            assert found, f"nginx.conf has no {pattern}"
        (folder / "site.conf").write_text(shipped)
        (folder / "nginx.conf").write_text(
            f"{user()} daemon off; pid {folder}/pid; error_log {folder}/error.log;"
            " events { worker_connections 4096; }"
            f" http {{ {self.temporary()} include {folder}/site.conf; }}"
        )

    def temporary(self):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"]
        )
        until(lambda: answers(self.port), "nginx did not start.")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def user():
    """Return the user of nginx's workers, who must be able to read our folder."""
    return "user root;" if os.geteuid() == 0 else ""


def certificate(pem, key):
    """Write a certificate and key for localhost."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    pem.write_bytes(made.public_bytes(encoding))
    key.write_bytes(
        private.private_bytes(
            encoding,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Mail(socketserver.ThreadingTCPServer):
    """A mail server that accepts messages, or hangs."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Letter)
        self.letters, self.hangs = [], threading.Event()
        self.refused = set()  # addresses
        self.url = f"smtp://127.0.0.1:{self.server_address[1]}"

    def start(self):
        # `shutdown` waits for the next poll.
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()


class Letter(socketserver.StreamRequestHandler):
    """An SMTP session (the part of RFC 5321 that clients use)."""

    def handle(self):
        while self.server.hangs.is_set():
            time.sleep(0.1)
        self.say("220 ready")
        for line in self.rfile:
            command = line[:4].upper().strip()
            if command == b"DATA":
                self.say("354 go on")
                self.server.letters.append(self.letter())
            if command == b"RCPT" and self.is_refused(line):
                self.say("550 no such mailbox")
                continue
            self.say("221 bye" if command == b"QUIT" else "250 ok")
            if command == b"QUIT":
                return

    def is_refused(self, line):
        return any(address in line.decode() for address in self.server.refused)

    def letter(self):
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(lines).decode()

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())
