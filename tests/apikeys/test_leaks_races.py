"""Reports that meet each other and other changes; seen on PostgreSQL only."""

import pytest
from django.core import mail

from apikeys import leaks
from apikeys.actors import Actor
from apikeys.leaks import Finding, Reporter
from apikeys.models import ApiKey, AuditEvent
from echopoint.core.client_metadata import Client

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")
REPORTER = Reporter(
    Actor.reporter(Client(ip="203.0.113.9"), via="api"), "api", "https://keys.example"
)


@pytest.fixture(autouse=True)
def _committed(committing):
    """All that happens here is committed, so that other connections see it."""


def test_of_eight_who_report_a_key_one_stops_it(issue, acme, at_once):
    _, secret = issue()

    found = at_once(8, lambda n: leaks.report([Finding(secret)], REPORTER))

    assert found == [{secret}] * 8
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert list(actions).count("api_key.suspended") == 1
    assert list(actions).count("api_key.leak_reported") == 1
    assert len(mail.outbox) == 1
    assert AuditEvent.objects.verify(acme) is None


def test_reports_of_the_same_keys_in_any_order_all_succeed(
    issue, acme, globex, at_once
):
    secrets = [issue(organization=owner)[1] for owner in (acme, globex) * 4]
    findings = [Finding(secret) for secret in secrets]

    answers = at_once(
        6, lambda n: leaks.report(findings[n:] + findings[:n][::-1], REPORTER)
    )

    assert answers == [set(secrets)] * 6
    assert ApiKey.objects.filter(suspended_at=None).count() == 0


def test_a_report_and_a_rotation_leave_no_live_leaked_key(issue, acme, at_once):
    for _ in range(4):
        key, secret = issue()

        at_once(
            3,
            lambda n, key=key, secret=secret: (
                leaks.report([Finding(secret)], REPORTER)
                if n
                else ApiKey.objects.get(pk=key.pk).rotate(by=SYSTEM)
            ),
        )

        key.refresh_from_db()
        assert key.suspended_at or key.revoked_at
        assert key.leak_reported_at
