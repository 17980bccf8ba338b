"""Every pair of changes, run concurrently on PostgreSQL.

Each statement is slowed down, so that two changes meet half-way wherever they can. What
loses may be refused; it must not be a deadlock, an error of the server or an endless wait.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from itertools import combinations
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys import access_reviews, freezing
from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.forms.reviews import shown_value
from apikeys.models import ApiKey, InstallationEvent, NetworkRange, SpentNonce
from echopoint.api.operations import operations
from echopoint.collections.models import Collection, Folder, SavedRequest
from echopoint.core.client_metadata import Client as CallerClient
from echopoint.flows.models import Flow
from echopoint.notices.models import NoticeChoice, NoticeWebhook
from echopoint.notices.notifying import notify
from echopoint.organizations.models import Membership, Organization, User
from echopoint.webhooks.models import Webhook
from tests.api_client import ApiClient
from tests.executions.definitions import definition, node
from tests.executions.runner_client import RunnerClient, completion
from tests.page_table import CHANGES as ALL_CHANGES
from tests.page_table import WEBHOOK, prepare_organization, prepare_review
from tests.signing_in import sign_in

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committing")]

TOGETHER = 5  # changes that run at the same time; each pair of them meets
GROUPS_PER_TEST = 10
SYSTEM = Actor.command("test")
SLOW = 0.004  # seconds before and after each statement of a transaction
PROGRAM = ["flows:execute", "flows:read", "runner:claim", "runner:complete"]


class World:
    """An organization with one row of everything, and its API clients."""

    environment_name, variable_name = "staging", "A"

    def __init__(self, owner, browser):
        self.organization = Organization.objects.create(name="Acme")
        self.organization.memberships.create(user=owner, role=Membership.Role.OWNER)
        self.owner, self.browser = owner, browser
        self.other = User.objects.create_user(f"{uuid4().hex}@acme.example")
        self.organization.memberships.create(user=self.other)
        self.person = ApiClient(self.organization)
        self.person.client = browser
        self.key, self.secret = self.issue("key")
        self.rotating, _ = self.issue("rotating")
        self.successor, self.successor_secret = self.rotating.rotate(by=SYSTEM)
        self.retired, _ = self.issue("retired")
        self.retired.rotate(by=SYSTEM)
        self.retired.retire(by=SYSTEM)
        self.suspended, _ = self.issue("suspended")
        self.suspended.suspend(by=SYSTEM)
        _, secret = self.issue("program", PROGRAM)
        self.program = ApiClient(self.organization, secret)
        self.make_content()
        self.office = NetworkRange.objects.add(
            self.organization, name="Office", networks=["192.0.2.0/24"], by=SYSTEM
        )
        self.home = NetworkRange.objects.add(
            self.organization, name="Home", networks=["203.0.113.0/24"], by=SYSTEM
        )
        self.rotating.set_allowed_networks(["Office"], by=SYSTEM)
        prepare_organization("notice_webhook:detail", self.organization)
        prepare_review(self.organization)

    def seen_by(self, browser):
        """Return the same organization with another session."""
        world = copy(self)
        world.browser, world.person = browser, copy(self.person)
        world.person.client = browser
        return world

    def issue(self, name, scopes=("flows:read",)):
        return ApiKey.objects.issue(
            organization=self.organization, name=name, scopes=list(scopes), by=SYSTEM
        )

    def make_content(self):
        owned = {"organization": self.organization}
        self.webhook = Webhook.objects.create(name="Orders", **owned)
        self.flow = Flow.objects.create(
            name="Checkout", flow_definition=definition(node("pay")), **owned
        )
        self.rest("createEnvironment", {"name": "staging"})
        self.collection = Collection.objects.create(name="Orders API", **owned)
        self.folder = Folder.objects.create(collection=self.collection, name="f")
        self.saved = SavedRequest.objects.create(
            collection=self.collection, name="r", method="GET", url="https://a.test"
        )
        for path in self.variable_paths:
            self.person.put(path, {"value": "1", "secret": False})
        self.ephemeral = self.launch("ephemeral").json()["execution"]["id"]
        self.runner = RunnerClient(self.program)
        self.launch("self_hosted")
        self.job = self.runner.claim()
        self.launch("self_hosted")

    @property
    def variable_paths(self):
        return [
            f"/flows/{self.flow.pk}/variables/A",
            "/organization/variables/A",
            "/organization/environments/staging/variables/A",
        ]

    def launch(self, runner_type):
        return self.program.post(
            f"/flows/{self.flow.pk}/launch", {"runner_type": runner_type}
        )

    def webhook_page(self, name, **values):
        url = reverse(f"notice_webhook:{name}", args=[self.organization.pk])
        return self.browser.post(url, values)

    def review_page(self, name, **values):
        args = [self.organization.pk, 1]
        return self.browser.post(reverse(f"apikeys:{name}", args=args), values)

    def confirm_keys(self):
        """Confirm two keys, as they are now."""
        keys = ApiKey.objects.filter(pk__in=[self.key.pk, self.suspended.pk])
        chosen = [key.public_id for key in keys]
        shown = [shown_value(key) for key in keys]
        return self.review_page("review", key=chosen, shown=shown)

    def rotate_webhook_secret(self):
        page = reverse("notice_webhook:rotate_secret", args=[self.organization.pk])
        scope = {"user": self.owner, "page": page}
        nonce = SpentNonce.objects.issue(**scope)
        return self.webhook_page("rotate_secret", nonce=nonce)

    def page(self, name, key=None, **values):
        args = [self.organization.pk, key.public_id] if key else [self.organization.pk]
        if chosen := values.pop("chosen", ()):
            values["key"] = [one.public_id for one in chosen]
        return self.browser.post(reverse(f"apikeys:{name}", args=args), values)

    def rest(self, operation_id, body=None, caller=None, **ids):
        """Send an operation by its id; return the response."""
        operation = OPERATIONS[operation_id]
        path = operation.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", str(value))
        return (caller or self.person)(operation.method, path, body)


OPERATIONS = {operation.operation_id: operation for operation in operations()}
POLICY = {
    "default_lifetime_days": 30,
    "max_lifetime_days": 300,
    "max_overlap_days": 7,
    "leak_action": "suspend",
    "review_period_days": "14",
    "unconfirmed_action": "report",
    "owner_scopes": "*",
    "admin_scopes": "*",
    "shown_limits": "90 365 False 7 None None None suspend None None None None None False False None 14 report",
    "confirm": "yes",
}
VALUE = {"value": "2", "secret": False}


def rest(name, body=None, caller="person", **ids):
    """Return a function that sends an operation; `ids` are its path parameters."""

    def send(world):
        found = {id: getattr(world, what) for id, what in ids.items()}
        found = {id: getattr(row, "rest_id", row) for id, row in found.items()}
        found = {id: getattr(row, "pk", row) for id, row in found.items()}
        made = body(world) if callable(body) else body
        return world.rest(name, made, getattr(world, caller), **found)

    return send


def runners(send):
    return lambda world: send(world.runner)


IN_COLLECTION = {"collectionId": "collection"}
VARIABLE = {"key": "variable_name"}
# These pages show a form first; the REST operation calls the same verb.
SENT_BY_REST = {
    "apikeys:issue": rest(
        "createAPIKey",
        lambda world: {"name": uuid4().hex, "permissions": ["flows:read"]},
    ),
    "apikeys:rotate": rest("rotateAPIKey", {}, id="key"),
    "apikeys:revoke": rest("deleteAPIKey", id="key"),
    "apikeys:networks": rest(
        "updateAPIKey",
        lambda world: {
            "allowed_networks": ["Office"],
            "owner_email": world.owner.email,
        },
        id="key",
    ),
    "apikeys:owner": rest(
        "updateAPIKey",
        lambda world: {
            "owner_email": world.other.email,
            "contact_email": "ops@acme.example",
        },
        id="key",
    ),
    "apikeys:edit": rest(
        "updateAPIKey",
        lambda world: {"name": uuid4().hex, "description": uuid4().hex},
        id="key",
    ),
    "apikeys:range_new": rest(
        "createNetworkRange", {"name": "new", "networks": ["192.0.2.1"]}
    ),
    "apikeys:range": rest(
        "updateNetworkRange", {"networks": ["198.51.100.0/24"]}, id="office"
    ),
    "apikeys:range_delete": rest("deleteNetworkRange", id="home"),
}
PAGES = SENT_BY_REST | {
    "apikeys:retire": lambda w: w.page("retire", w.rotating, shown_verdict="not_yet"),
    "apikeys:unretire": lambda w: w.page("unretire", w.retired),
    "apikeys:cancel_rotation": lambda w: w.page("cancel_rotation", w.rotating),
    "apikeys:limit": lambda w: w.page("limit", w.key, requests_per_minute=40),
    "apikeys:suspend": lambda w: w.page("suspend", w.key),
    "apikeys:resume": lambda w: w.page("resume", w.suspended),
    "apikeys:revoke_selected": lambda w: w.page(
        "revoke_selected", chosen=[w.suspended, w.successor, w.key]
    ),
    "apikeys:revoke_family": lambda w: w.page("revoke_family", w.successor),
    "apikeys:revoke_creator": lambda w: w.page("revoke_creator", w.key),
    "apikeys:transfer_creator": lambda w: w.page(
        "transfer_creator", w.key, owner_email=w.other.email
    ),
    "apikeys:freeze": lambda w: w.page("freeze", confirm=w.organization.name),
    "apikeys:unfreeze": lambda w: (
        freezing.freeze(w.organization, by=SYSTEM),
        w.page("unfreeze"),
    )[-1],
    "apikeys:policy": lambda w: w.page("policy", **POLICY),
    "apikeys:review_start": lambda w: w.page("review_start", shown="report 14"),
    "apikeys:review": lambda w: w.confirm_keys(),
    "apikeys:review_sign_off": lambda w: w.review_page("review_sign_off"),
    "apikeys:audit_export": lambda w: w.page("audit_export", format="ndjson"),
    "notice_webhook:detail": lambda w: w.webhook_page("detail", url=f"{WEBHOOK}/new"),
    "notice_webhook:rotate_secret": lambda w: w.rotate_webhook_secret(),
    "notice_webhook:remove": lambda w: w.webhook_page("remove"),
    "notice_webhook:test": lambda w: w.webhook_page("test"),
}
# They answer with what they made, instead of a redirect.
ANSWERS = {"apikeys:audit_export", "notice_webhook:rotate_secret"}
# The pages call the same verbs.
BY_PAGE = {
    "createAPIKey": "apikeys:issue",
    "rotateAPIKey": "apikeys:rotate",
    "deleteAPIKey": "apikeys:revoke",
    "revokeAPIKeyFamily": "apikeys:revoke_family",
    "freezeAPIKeys": "apikeys:freeze",
    "unfreezeAPIKeys": "apikeys:unfreeze",
    "updateAPIKey": "apikeys:networks",
    "createNetworkRange": "apikeys:range_new",
    "updateNetworkRange": "apikeys:range",
    "deleteNetworkRange": "apikeys:range_delete",
}
REST = {
    "createWebhook": rest("createWebhook", {"name": "new"}),
    "deleteWebhook": rest("deleteWebhook", id="webhook"),
    "createFlow": rest(
        "createFlow", {"name": "new", "flow_definition": definition(node("pay"))}
    ),
    "updateFlow": rest("updateFlow", {"name": "other"}, id="flow"),
    "deleteFlow": rest("deleteFlow", id="flow"),
    "launchFlow": lambda w: w.launch("ephemeral"),
    "launchFlow for a runner": lambda w: w.launch("self_hosted"),
    "cancelExecution": rest("cancelExecution", id="ephemeral"),
    "completeEphemeralExecution": rest(
        "completeEphemeralExecution", completion(), "program", executionId="ephemeral"
    ),
    "nextRunnerJob": runners(lambda runner: runner.next()),
    "nextRunnerJob by another": lambda w: RunnerClient(w.program, "other").next(),
    "heartbeatRunnerJobs": lambda w: w.runner.heartbeat(w.job),
    "sendRunnerJobEvents": lambda w: w.runner.send_events(
        w.job, (1, "flow.started", {})
    ),
    "completeRunnerJob": lambda w: w.runner.complete(w.job),
    "createCollection": rest("createCollection", {"name": "new"}),
    "updateCollection": rest("updateCollection", {"name": "o"}, id="collection"),
    "deleteCollection": rest("deleteCollection", id="collection"),
    "addFolder": rest("addFolder", {"name": "new"}, id="collection"),
    "updateFolder": rest(
        "updateFolder", {"name": "o"}, folderId="folder", **IN_COLLECTION
    ),
    "deleteFolder": rest("deleteFolder", folderId="folder", **IN_COLLECTION),
    "addRequest": rest(
        "addRequest",
        {"name": "n", "method": "GET", "url": "https://a.test"},
        id="collection",
    ),
    "updateRequest": rest(
        "updateRequest", {"name": "o"}, requestId="saved", **IN_COLLECTION
    ),
    "deleteRequest": rest("deleteRequest", requestId="saved", **IN_COLLECTION),
    "setFlowVariable": rest("setFlowVariable", VALUE, id="flow", **VARIABLE),
    "deleteFlowVariable": rest("deleteFlowVariable", id="flow", **VARIABLE),
    "deleteFlowVariables": rest("deleteFlowVariables", id="flow"),
    "setOrganizationVariable": rest("setOrganizationVariable", VALUE, **VARIABLE),
    "deleteOrganizationVariable": rest("deleteOrganizationVariable", **VARIABLE),
    "deleteOrganizationVariables": rest("deleteOrganizationVariables"),
    "setEnvironmentVariable": rest(
        "setEnvironmentVariable", VALUE, environment="environment_name", **VARIABLE
    ),
    "deleteEnvironmentVariable": rest(
        "deleteEnvironmentVariable", environment="environment_name", **VARIABLE
    ),
    "createEnvironment": rest("createEnvironment", {"name": "new"}),
    "deleteEnvironment": rest("deleteEnvironment", environment="environment_name"),
}


def use(key):
    """Record a use, as a request does."""
    caller = CallerClient("192.0.2.7", "curl/8")
    ApiKey.objects.get(pk=key.pk).record_use(caller, timezone.now())


def set_password(user):
    user = User.objects.get(pk=user.pk)
    user.set_password("a new one of many words")
    user.save()


def give_role(world):
    membership = world.other.memberships.get()
    roles = [Membership.Role.ADMIN, Membership.Role.MEMBER]
    membership.role = roles[membership.role == roles[0]]
    membership.put()


def choose(world):
    membership = world.other.memberships.get()
    emails = NoticeChoice.objects.of(membership)
    other = {"own": "none", "none": "own"}[emails]
    NoticeChoice.objects.choose(membership, other, by=SYSTEM)


def disable_webhook(world):
    if webhook := NoticeWebhook.objects.of(world.organization):
        webhook.disable()


def prune():
    for manager in write_buffers.managers:
        manager.prune_on_write()


def report_leaks(world):
    """Report two keys, as anybody does."""
    return Client(raise_request_exception=False).post(
        "/api-keys/leaked",
        {"keys": [world.secret, world.successor_secret]},
        content_type="application/json",
    )


TRACES = {
    "a leak report": report_leaks,
    "a first use": lambda w: use(w.successor),
    "a use of a retired key": lambda w: w.retired.record_refusal("API_KEY_RETIRED"),
    "a request with a key": lambda w: w.program.get("/flows"),
    "a flush": lambda w: write_buffers.flush(),
    "a prune": lambda w: prune(),
    "a sign-in": lambda w: InstallationEvent.person_events.signed_in(
        w.owner, Actor.visitor(CallerClient("192.0.2.7")), ["password"]
    ),
    "a new password": lambda w: set_password(w.other),
    "a new role": lambda w: give_role(w),
    "a choice of notices": lambda w: choose(w),
    "notices": lambda w: notify(),
    "access reviews": lambda w: access_reviews.run(by=SYSTEM),
    "a gone webhook": lambda w: disable_webhook(w),
    "a captured request": lambda w: Client().post(
        f"/webhook/{w.webhook.pk}", "{}", content_type="application/json"
    ),
}
CHANGES = PAGES | REST | TRACES


def groups():
    """Return groups of names; each pair of names is in at least one, also of one name.

    A greedy choice: it takes 15% more groups than there can be at best.
    """
    names = list(CHANGES)
    left = {frozenset(pair) for pair in combinations(names, 2)}
    found = [names[i : i + 2] * 2 for i in range(0, len(names), 2)]
    for pair in combinations(names, 2):
        if frozenset(pair) not in left:
            continue
        group = list(pair)
        while len(group) < TOGETHER:
            new = {n: sum({n, one} in left for one in group) for n in names}
            group.append(max(new.keys() - set(group), key=lambda n: (new[n], n)))
        left -= {frozenset(pair) for pair in combinations(group, 2)}
        found.append(group)
    return found


GROUPS = groups()


def test_every_change_is_in_the_matrix():
    changing = {
        operation.operation_id
        for operation in operations()
        if operation.method != "GET" and "search" not in operation.operation_id
    } - {"checkAPIKey"}
    assert changing - REST.keys() == BY_PAGE.keys()
    assert set(ALL_CHANGES) - PAGES.keys() == {"apikeys:find", "apikeys:audit_verify"}


@pytest.fixture
def pool():
    with ThreadPoolExecutor(TOGETHER) as pool:
        yield pool
        barrier = Barrier(TOGETHER)
        for _ in range(TOGETHER):
            pool.submit(lambda: (barrier.wait(), connections.close_all()))


@pytest.fixture
def sessions(db):
    """Return a session of the owner for each concurrent change."""
    owner = User.objects.create_user("olive@acme.example")
    browsers = [Client(raise_request_exception=False) for _ in range(TOGETHER)]
    for browser in browsers:
        sign_in(browser, owner)
    return owner, browsers


def slowly(act, world):
    """Run the change with slow transactions; return the response status or the error."""

    def wait(execute, *statement):
        if not connection.in_atomic_block:
            return execute(*statement)
        time.sleep(SLOW)
        answer = execute(*statement)
        time.sleep(SLOW)
        return answer

    try:
        with connection.execute_wrapper(wait):
            return status(act(world))
    except Exception as error:  # noqa: BLE001, it is what the test looks for
        return repr(error)


def status(answer):
    return getattr(answer, "status_code", 200)


def test_every_pair_of_changes_meets():
    names = list(CHANGES)
    met = {frozenset(pair) for group in GROUPS for pair in combinations(group, 2)}
    assert met == {frozenset({a, b}) for a in names for b in names}


@pytest.mark.parametrize("start", range(0, len(GROUPS), GROUPS_PER_TEST))
def test_changes_at_the_same_time_are_all_answered(pool, sessions, start):
    owner, browsers = sessions
    wrong = []
    for names in GROUPS[start : start + GROUPS_PER_TEST]:
        world = World(owner, browsers[0])
        running = [
            pool.submit(slowly, CHANGES[name], world.seen_by(browser))
            for name, browser in zip(names, browsers, strict=False)
        ]
        found = [(n, f.result(60)) for n, f in zip(names, running, strict=True)]
        wrong += [found] * any(not is_an_answer(one) for _, one in found)
    assert wrong == []


def is_an_answer(found):
    return isinstance(found, int) and found < 500


def test_each_change_is_made_where_nothing_else_goes_on(sessions):
    owner, browsers = sessions
    not_made = {}
    for name, change in CHANGES.items():
        found = status(change(World(owner, browsers[0])))
        is_page = name in PAGES and name not in {*SENT_BY_REST, *ANSWERS}
        if found not in ({302} if is_page else {200, 201, 202, 204}):
            not_made[name] = found
    assert not_made == {}
