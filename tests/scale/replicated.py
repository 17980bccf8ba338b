"""Two servers with a PostgreSQL, a hot standby of it and a Redis, all of our own."""

import re
import secrets
import time
from contextlib import contextmanager

from tests.faults.services import PostgreSQL, Redis, Standby, open_folder, until
from tests.faults.site import Site
from tests.scale.servers import Person, beside, http

TOKEN = secrets.token_urlsafe(32)
READ = re.compile(r'replica_reads_total\{replica="(\w+)"\} (\S+)')


class Replicated:
    """The servers of a site and the databases behind them."""

    def __init__(self, primary, standby, redis, servers):
        self.primary, self.standby, self.redis = primary, standby, redis
        self.servers = servers
        site = servers[0]
        self.headers = {
            "X-Api-Key": site.secret,
            "X-Organization-Id": site.demo["organization_id"],
        }
        self.http, self.person = http(), Person(site)
        self.person.sign_in(site)

    def send(self, method, path, body=None, *, turn=0):
        """Send a request with the key to one of the servers; return the answer."""
        url = self.servers[turn % 2].url + path
        return self.http.request(method, url, json=body, headers=self.headers)

    def page(self, path, *, turn=0):
        """Get a page of the organization as its owner."""
        return self.person.http.get(self.person.path(self.servers[turn % 2]) + path)

    def read_lists(self, turn=0):
        """Read each list once; return the statuses."""
        paths = ["/flows", "/webhooks", "/collections", "/executions", "/flows/tags"]
        answers = [self.send("GET", path, turn=turn) for path in paths]
        answers.append(self.send("POST", "/flows/search", {}, turn=turn))
        answers += [self.page(path, turn=turn) for path in ("", "audit/")]
        return [answer.status_code for answer in answers]

    def catch_up(self):
        until(self.standby.has_caught_up, "The standby did not catch up.")

    def use_replica(self):
        """Wait until both servers read the replica."""
        self.catch_up()
        until(self.is_used, "The replica is not used.")

    def is_used(self):
        used = self.reads().get("used", 0)
        self.read_lists(0)
        self.read_lists(1)
        return self.reads().get("used", 0) >= used + 16

    def reads(self):
        """Return how many reads used the replica, and why the others did not."""
        counts = {}
        for server in self.servers:
            answer = self.http.get(
                f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            for state, count in READ.findall(answer.text):
                counts[state] = counts.get(state, 0) + int(float(count))
        return counts

    def ready(self):
        """Return the status of the probe, its word, and the state of the replica."""
        answer = self.http.get(f"{self.servers[0].url}/ready")
        body = answer.json()
        return answer.status_code, body["status"], body["parts"]["replica"]

    @contextmanager
    def counted_reads(self, states):
        """Add the reads while the block runs to a dict, by their state."""
        before = self.reads()
        yield
        for state, count in self.reads().items():
            states[state] = count - before.get(state, 0)

    @contextmanager
    def counted_statements(self, tables, counts):
        """Add the statements that read the tables while the block runs, by server."""
        pattern = re.compile(rf'FROM "(?:{"|".join(tables)})"')
        servers = {"primary": self.primary, "replica": self.standby}
        logs = {name: server.data / "server.log" for name, server in servers.items()}
        begun = {name: log.stat().st_size for name, log in logs.items()}
        yield
        time.sleep(0.2)
        for name, log in logs.items():
            text = log.read_bytes()[begun[name] :].decode(errors="replace")
            counts[name] = len(pattern.findall(text))


@contextmanager
def replicated_servers(folder):
    """Yield two running servers, with a primary and a standby, as a `Replicated`."""
    with open_folder() as data, running_databases(data) as (primary, standby):
        (folder / "static").mkdir()  # empty, or each process would warn
        redis = Redis(folder)
        redis.start()
        site = Site(
            folder,
            primary,
            static_files=False,
            DJANGO_SETTINGS_MODULE="tests.scale.settings",
            DATABASE_REPLICA_URL=standby.url,
            LOG_LEVEL="warning",
            METRICS_TOKEN=TOKEN,
            REDIS_URL=redis.url,
        )
        pair = site, beside(site)
        try:
            for server in pair:
                server.start()
            yield Replicated(primary, standby, redis, pair)
        finally:
            for server in pair:
                if hasattr(server, "process") and server.process.poll() is None:
                    server.stop()
            redis.stop()


@contextmanager
def running_databases(data):
    """Yield a PostgreSQL and a standby of it; both log every statement."""
    settings = {"log_statement": "all", "max_connections": "60"}
    for name in ("primary", "standby"):
        (data / name).mkdir()
    primary = PostgreSQL(data / "primary", **settings)
    primary.start()
    try:
        standby = Standby(data / "standby", primary, max_standby_streaming_delay="0")
        standby.start()
        try:
            yield primary, standby
        finally:
            if (standby.data / "postmaster.pid").exists():
                standby.stop("immediate")
    finally:
        primary.stop("immediate")
