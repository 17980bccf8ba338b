"""The cast and the factories.

acme is ours; alice is its admin, bob a member, olive its owner. globex is another
organization, and mallory its admin.
"""

from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey
from apikeys.models.use_recording import audited_retired_uses
from echopoint.organizations.models import Membership, Organization, User
from tests.signing_in import sign_in

# Fixtures that tests of every app share.
pytest_plugins = [
    "tests.fresh",
    "tests.migrating",
    "tests.races",
    "tests.sinks",
    "tests.stored_chains",
]


def pytest_collection_modifyitems(config, items):
    """Leave out what SQLite has no way to show: transactions that run side by side."""
    if connection.vendor == "postgresql":
        return
    left_out = [item for item in items if item.get_closest_marker("postgresql")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def _no_counts_from_before():
    """What waits in the process is of keys that are gone with the test."""
    yield
    for manager in write_buffers.managers:
        manager.pending.take_all()
    audited_retired_uses.clear()


@pytest.fixture(autouse=True)
def _no_attempts_from_before():
    """Limits on signing in count in the cache."""
    cache.clear()


@contextmanager
def _statements():
    """Yield a list that fills with the statements that read or write rows."""
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
    """Return a context manager: the statements in it, without those of transactions."""
    return _statements


def person(email):
    return User.objects.create_user(email, "correct horse battery")


def organization(name, member, role):
    """Make an organization past its verbs, so that its audit begins with the test."""
    organization = Organization.objects.create(name=name)
    organization.memberships.create(user=member, role=role)
    return organization


@pytest.fixture
def olive(db):
    return person("olive@acme.example")


@pytest.fixture
def acme(olive):
    return organization("Acme", olive, Membership.Role.OWNER)


@pytest.fixture
def alice(acme):
    alice = person("alice@acme.example")
    acme.memberships.create(user=alice, role=Membership.Role.ADMIN)
    return alice


@pytest.fixture
def bob(acme):
    bob = person("bob@acme.example")
    acme.memberships.create(user=bob, role=Membership.Role.MEMBER)
    return bob


@pytest.fixture
def mallory(db):
    return person("mallory@globex.example")


@pytest.fixture
def globex(mallory):
    return organization("Globex", mallory, Membership.Role.ADMIN)


@pytest.fixture
def issue(acme, alice):
    """Return a maker of keys: (key, secret), in acme with every scope it is not told."""

    def issue(*scopes, **overrides):
        values = {
            "organization": acme,
            "name": f"key {ApiKey.objects.count() + 1}",
            "scopes": list(scopes) or ["flows:read"],
            "by": Actor.command("test"),
        }
        return ApiKey.objects.issue(**values | overrides)

    return issue


class Api:
    """A client of the API, with a key or as a signed-in member."""

    def __init__(self, organization, secret=None, user=None):
        self.client = Client(raise_request_exception=False)
        self.headers = {"X-Organization-Id": organization.pk}
        if secret:
            self.headers["X-Api-Key"] = secret
        if user:
            sign_in(self.client, user)

    def __call__(self, method, path, body=None, **headers):
        """Send JSON; headers that are None are left out."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {k: v for k, v in (self.headers | headers).items() if v is not None}
        options = {"headers": sent}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return self.client.generic(method, path, **self.encoded(options))

    def encoded(self, options):
        if "data" in options and not isinstance(options["data"], (str, bytes)):
            options["data"] = self.client._encode_json(
                options["data"], "application/json"
            )
        return options

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, {} if body is None else body, **headers)

    def put(self, path, body=None, **headers):
        return self("PUT", path, {} if body is None else body, **headers)

    def delete(self, path, **headers):
        return self("DELETE", path, **headers)


@pytest.fixture
def api(issue):
    """Return a maker of clients: `api("flows:read")`, `api(secret=…)`, `api(user=alice)`."""

    def api(*scopes, secret=None, user=None, organization=None):
        if user:
            return Api(organization or user.memberships.get().organization, user=user)
        if secret is None:
            overrides = {"organization": organization} if organization else {}
            key, secret = issue(*scopes, **overrides)
            organization = key.organization
        return Api(organization, secret)

    return api
