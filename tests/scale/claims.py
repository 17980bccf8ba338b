"""What is true of a site on several servers. Each claim returns (measured, is so)."""

import time
import uuid
from collections import Counter

from apikeys.actors import Actor
from apikeys.models import ApiKey
from apikeys.scopes import SCOPES
from echopoint.core.rate_limits import WINDOW
from echopoint.organizations.models import Organization
from tests.scale.servers import Balancer, Person, at_once, http, told

KEYS = 50
LIMIT = 120  # requests per minute
REQUESTS = 180
JOBS = 100
RUNNERS = 6


def issue(site, name, scopes=("flows:read",), *, limit=None):
    """Return a new key and the headers of a request with it."""
    organization = Organization.objects.get(pk=site.demo["organization_id"])
    by = Actor.command("scale")
    key, secret = ApiKey.objects.issue(
        organization=organization, name=name, scopes=list(scopes), by=by
    )
    if limit:
        ApiKey.objects.filter(pk=key.pk).update(requests_per_minute=limit)
    return key, {"X-Api-Key": secret, "X-Organization-Id": organization.pk}


def stopped_keys(servers):
    """A key that one server suspends, resumes or revokes is so for the other's next request"""
    person, wrong = Person(servers[0]), Counter()
    person.sign_in(servers[0])
    with http() as client:
        for n in range(KEYS):
            here, there = servers if n % 2 else servers[::-1]
            key, headers = issue(here, f"stopped {n}")
            client.get(f"{there.url}/flows", headers=headers)  # it has read the key
            for verb, status in (("suspend", 401), ("resume", 200), ("revoke", 401)):
                person.change(here, key, verb)
                seen = client.get(f"{there.url}/flows", headers=headers).status_code
                if seen != status:
                    wrong[f"{seen} after {verb}"] += 1
    return f"{KEYS} keys, {3 * KEYS} changes, wrong: {told(wrong)}", not wrong


def shared_limit(servers):
    """The servers count a key's requests per minute together"""
    _, headers = issue(servers[0], "limited", limit=LIMIT)
    if (left := WINDOW - time.time() % WINDOW) < 15:
        time.sleep(left + 0.2)

    def send(n):
        with http() as client:
            return [
                client.get(f"{servers[(n + m) % 2].url}/flows", headers=headers)
                for m in range(REQUESTS // 6)
            ]

    answers = Counter(a.status_code for sent in at_once(send, range(6)) for a in sent)
    return (
        f"limit {LIMIT}, {REQUESTS} requests: {told(answers)}",
        answers == {200: LIMIT, 429: REQUESTS - LIMIT},
    )


def jobs_claimed_once(servers):
    """A job is claimed by one runner, whichever servers the runners poll"""
    _, headers = issue(servers[0], "runners", SCOPES)
    launch = f"/flows/{servers[0].flow_id}/launch"

    def work(n):
        """Launch jobs, or poll for them until none is left."""
        with http() as client:
            if n == RUNNERS:
                return launched(client)
            return claimed(client, n)

    def launched(client):
        bodies = [
            client.post(
                servers[n % 2].url + launch,
                json={"runner_type": "self_hosted"},
                headers=headers,
            ).json()
            for n in range(JOBS)
        ]
        return "launched", [body["execution"]["id"] for body in bodies]

    def claimed(client, n):
        runner = {"runner_id": f"runner-{n}", "boot_id": str(uuid.uuid4())}
        jobs, path = [], f"{servers[n % 2].url}/runner/jobs/next"
        while True:
            answer = client.post(
                path, json=runner | {"max_parallel_flows": JOBS}, headers=headers
            )
            if answer.status_code == 204:
                return f"runner {n}", jobs
            jobs.append(answer.json()["execution_id"])

    by_client = dict(at_once(work, range(RUNNERS + 1)))
    made = by_client.pop("launched")
    counts = Counter(job for jobs in by_client.values() for job in jobs)
    each = "+".join(str(len(jobs)) for jobs in by_client.values())
    return (
        f"{len(made)} launched, {each} claimed by {RUNNERS} runners,"
        f" {len(counts)} different",
        counts == Counter(dict.fromkeys(made, 1)) and len(made) == JOBS,
    )


def shared_sessions(servers):
    """A sign-in on one server holds on the other, and so does signing out"""
    person, (first, second) = Person(servers[0]), servers
    before = person.get_keys(second)
    person.sign_in(first)
    signed_in = person.get_keys(second)
    person.sign_out(second)
    seen = [before, signed_in, person.get_keys(first)]
    return f"the list of keys answered {seen}", seen == [302, 200, 302]


def rolling_restart(servers):
    """Servers that restart one after the other fail no request"""
    _, headers = issue(servers[0], "load", SCOPES)
    balancer = Balancer(servers, headers)
    launch = f"/flows/{servers[0].flow_id}/launch"
    requests = [
        ("GET", "/flows", None),
        ("POST", launch, {"runner_type": "ephemeral"}),
        ("GET", "/executions", None),
    ]
    with balancer.running(requests):
        for server in servers * 2:
            time.sleep(1)
            server.stop()
            server.start()
        time.sleep(1)
    return (
        f"4 restarts, {balancer.sent} requests, {balancer.moved} sent to the other server,"
        f" failed: {told(balancer.failures)}",
        not balancer.failures and balancer.moved > 0,
    )


CLAIMS = (
    stopped_keys,
    shared_limit,
    jobs_claimed_once,
    shared_sessions,
    rolling_restart,
)
