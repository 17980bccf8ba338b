"""Fixtures of all tests.

Organization acme has owner olive, admin alice and member bob. globex is another tenant, with
admin mallory.
"""

import gc
from contextlib import contextmanager

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.db import connection

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey
from apikeys.models.use_recording import audited_retired_uses
from echopoint.core.rate_limits import process_counts
from echopoint.organizations.models import Membership, User
from tests.api_client import ApiClient
from tests.frozen_time import NOON, clock_at
from tests.paths import ROOT
from tests.signing_in import sign_in
from tests.tenants import create_organization, create_user

# Tests of what `echopoint` installs without the site.
STANDALONE = [
    ROOT / "tests" / name for name in ("action", "cli", "flow_language", "masking")
]
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}

# Fixtures that tests of every app share.
pytest_plugins = [
    "tests.temporary_databases",
    "tests.prepared_sites",
    "tests.migration_states",
    "tests.concurrency",
    "tests.leak_search",
    "tests.mail_server",
    "tests.stored_chains",
    "tests.query_plans",
    "tests.fake_replica",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from traversing the collected tests again and again.

    They and the imported modules live until the end, and are most of the objects there are.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_addoption(parser):
    parser.addoption(
        "--second-database",
        action="store_true",
        help="leave out tests that have no database and ran beside the first one",
    )


def is_same_on_each_database(item):
    """Whether the code under test loads neither Django nor a database driver."""
    is_standalone = any(item.path.is_relative_to(folder) for folder in STANDALONE)
    return is_standalone and not DATABASE_FIXTURES & set(item.fixturenames)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Deselect tests that the database under test cannot run, or need not run again.

    SQLite has one writer, so that tests of concurrent transactions cannot run on it.
    """
    skipped = set()
    if connection.vendor != "postgresql":
        skipped |= {item for item in items if item.get_closest_marker("postgresql")}
    if config.getoption("--second-database"):
        skipped |= set(filter(is_same_on_each_database, items))
    if skipped:
        config.hook.pytest_deselected(items=list(skipped))
        items[:] = [item for item in items if item not in skipped]


@pytest.fixture(autouse=True)
def _clear_counters():
    """Drop buffered counts, because their keys are deleted after the test."""
    yield
    for manager in write_buffers.managers:
        manager.pending.take_all()
    audited_retired_uses.clear()


@pytest.fixture(autouse=True)
def _one_window_of_codes(monkeypatch):
    """Keep the code of an authenticator app from changing between its making and its use."""
    monkeypatch.setattr(totp, "time", clock_at(NOON))


@pytest.fixture(autouse=True)
def _clear_cache():
    """Reset the limits of sign-ins and requests."""
    cache.clear()
    process_counts.clear()


@contextmanager
def _statements():
    """Yield a list that collects the statements that read or write rows."""
    found = []

    def note(execute, sql, params, many, context):
        is_about_rows = sql.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}
        if is_about_rows and "lock_timeout" not in sql:
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


@pytest.fixture
def statements():
    """Return a context manager that yields the statements executed in it."""
    return _statements


@pytest.fixture
def olive(db):
    return create_user("olive@acme.example")


@pytest.fixture
def acme(olive):
    return create_organization("Acme", olive, Membership.Role.OWNER)


@pytest.fixture
def alice(acme):
    alice = create_user("alice@acme.example")
    acme.memberships.create(user=alice, role=Membership.Role.ADMIN)
    return alice


@pytest.fixture
def bob(acme):
    bob = create_user("bob@acme.example")
    acme.memberships.create(user=bob, role=Membership.Role.MEMBER)
    return bob


@pytest.fixture
def mallory(db):
    return create_user("mallory@globex.example")


@pytest.fixture
def globex(mallory):
    return create_organization("Globex", mallory, Membership.Role.ADMIN)


@pytest.fixture
def boss(client, db):
    """Return a client that is signed in as a superuser without an organization."""
    user = User.objects.create_superuser("boss@echopoint.example", "a long password")
    sign_in(client, user)
    return client


@pytest.fixture
def issue(acme, alice):
    """Return a function that issues a key and returns (key, secret); in acme by default."""

    def issue(*scopes, **overrides):
        values = {
            "organization": acme,
            "name": f"key {ApiKey.objects.count() + 1}",
            "scopes": list(scopes) or ["flows:read"],
            "by": Actor.command("test"),
        }
        return ApiKey.objects.issue(**values | overrides)

    return issue


@pytest.fixture
def api(issue):
    """Return a factory of API clients: `api("flows:read")`, `api(secret=…)`, `api(user=alice)`."""

    def api(*scopes, secret=None, user=None, organization=None):
        if user:
            return ApiClient(
                organization or user.memberships.get().organization, user=user
            )
        if secret is None:
            overrides = {"organization": organization} if organization else {}
            key, secret = issue(*scopes, **overrides)
            organization = key.organization
        return ApiClient(organization, secret)

    return api
