"""A site with its own database, cache, mail server and proxy, which tests break."""

from contextlib import contextmanager

import pytest

from echopoint.core import redis_cache
from echopoint.core.circuit_breaker import CircuitBreaker
from tests.faults.load import Load
from tests.faults.services import Mail, Nginx, PostgreSQL, Redis, open_folder, until
from tests.faults.site import Site

reports = []  # the outcome of each fault, printed at the end of the run


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("faults: what clients saw")
    for line in reports:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def postgresql():
    with open_folder() as folder:
        server = PostgreSQL(folder)
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture
def own_redis(tmp_path, monkeypatch):
    """Return a Redis for one test, with a circuit breaker that has seen no other."""
    breaker = CircuitBreaker(redis_cache.UNREACHABLE, redis_cache.RECOVERED)
    monkeypatch.setattr(redis_cache, "circuit_breaker", breaker)
    server = Redis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mail():
    server = Mail()
    server.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def site(tmp_path_factory, postgresql, redis, mail):
    folder = tmp_path_factory.mktemp("site")
    site = Site(
        folder,
        postgresql,
        REDIS_URL=redis.url,
        EMAIL_URL=mail.url,
        EMAIL_FROM="Echopoint <keys@echopoint.example>",
        OPEN_SIGN_UP="true",
        TRUSTED_PROXIES="1",
    )
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory, site):
    server = Nginx(tmp_path_factory.mktemp("nginx"), site.port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(site):
    return site.client()


@pytest.fixture
def through_nginx(nginx, site):
    return site.client(f"https://localhost:{nginx.port}")


@pytest.fixture
def fault(site):
    """Return a context manager that runs load during a fault and checks that no row is lost.

    The site must recover on its own. `allowed` are the outcomes that clients may see.
    """

    @contextmanager
    def fault(what, *allowed, of=site, at=None):
        until(lambda: is_served(of), f"{what}: not served before")
        client = of.client(at)
        load = Load(client, of.flow_id)
        with load.running():
            until(lambda: load.writes > 10, f"{what}: no load")
            yield client
            broken = load.writes
            until(lambda: load.writes > broken + 10, f"{what}: did not recover")
        lost = load.lost(of.postgresql)
        reports.append(
            f"{what}: {client.saw()}; {load.writes} writes acknowledged, rows lost:"
            f" {len(lost)}"
        )
        assert not lost
        assert set(client.outcomes) <= {200, 201, 202, *allowed}

    return fault


def is_served(site):
    """Return True if every process serves requests."""
    client = site.client()
    return all(client.send("/flows")[0] == 200 for _ in range(20))
