"""`prune` deletes expired rows in small batches and reports the counts."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from apikeys.models import AuditEvent, Refusal
from echopoint.executions.models import Execution, NodeResult, RunnerJob
from echopoint.flows.models import Flow
from echopoint.notices.models import ContactDigest, ExpiryNotice, NoticeDigest
from echopoint.organizations.models import Organization
from echopoint.webhooks.models import CapturedRequest, Webhook

DAY = timedelta(days=1)
NOTHING = {
    "dry_run": False,
    "spent_forms": 0,
    "refusals": 0,
    "key_usage": 0,
    "key_places": 0,
    "sessions": 0,
    "captured_requests": 0,
    "executions": 0,
    "mail": 0,
    "notices": 0,
    "notice_deliveries": 0,
    "notice_digests": 0,
    "contact_digests": 0,
    "audit": 0,
    "ended_executions": 0,
}


@pytest.fixture
def prune(capsys):
    """Return a function that runs the command and returns its JSON output."""

    def prune(*arguments):
        call_command("prune", "--json", *arguments)
        return json.loads(capsys.readouterr().out)

    return prune


def ago(days):
    return timezone.now() - days * DAY


@pytest.fixture
def webhook(acme):
    return Webhook.objects.create(organization=acme, name="Orders")


@pytest.fixture
def flow(acme):
    definition = {"name": "f", "version": "1.0", "nodes": [], "edges": []}
    return Flow.objects.create(
        organization=acme, name="Checkout", flow_definition=definition
    )


def captured(webhook, days):
    return CapturedRequest.objects.create(
        webhook=webhook, method="POST", received_at=ago(days)
    )


def execution(flow, days, *, ended=True):
    """Return an execution with a result and a job."""
    status = Execution.Status.COMPLETED if ended else Execution.Status.RUNNING
    execution = Execution.objects.create(
        organization=flow.organization,
        flow=flow,
        flow_snapshot=flow.flow_definition,
        trigger_metadata={},
        status=status,
        started_at=ago(days),
        completed_at=ago(days) if ended else None,
    )
    NodeResult.objects.create(execution=execution, position=0, node_id="pay", result={})
    RunnerJob.objects.create(organization=flow.organization, execution=execution)
    return execution


@pytest.mark.django_db
def test_without_a_retention_period_nothing_is_deleted(prune, webhook, flow):
    captured(webhook, 5000)
    execution(flow, 5000)

    assert prune() == NOTHING
    assert CapturedRequest.objects.count() == Execution.objects.count() == 1


@pytest.mark.django_db
def test_it_reports_the_deleted_rows(issue, capsys):
    key, _ = issue()
    for n in range(5):
        Refusal.objects.create(key=key, reason=str(n), minute=ago(40))
    events = AuditEvent.objects.count()

    call_command("prune")

    assert capsys.readouterr().out == (
        "Deleted 0 form nonces, 5 counts of refused requests, 0 counts of use,"
        " 0 places of use, 0 sessions, 0 captured requests, 0 executions,"
        " 0 mail messages, 0 notices of expiring keys, 0 events of webhooks,"
        " 0 digests of notices, 0 digests to contacts of keys, 0 audit events.\n"
    )
    assert not Refusal.objects.exists()
    assert AuditEvent.objects.count() == events


@pytest.mark.django_db
def test_only_expired_sessions_are_deleted(prune):
    for key, days in (("ended", 1), ("open", -1)):
        Session.objects.create(session_key=key, session_data="x", expire_date=ago(days))

    assert prune() == NOTHING | {"sessions": 1}
    assert Session.objects.get().session_key == "open"


@pytest.mark.django_db
def test_all_sessions_can_be_deleted(prune, client, alice):
    client.force_login(alice)

    assert prune("--all-sessions") == NOTHING | {"sessions": 1}
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_captured_requests_older_than_the_setting_are_deleted(
    prune, webhook, settings, globex, monkeypatch
):
    monkeypatch.setattr("echopoint.core.batch_deletion.BATCH", 2)
    settings.KEEP_CAPTURED_REQUESTS_DAYS = 30
    theirs = Webhook.objects.create(organization=globex, name="Theirs")
    for one in (webhook, theirs):
        for days in (31, 32, 33, 40, 50, 29):
            captured(one, days)

    assert prune() == NOTHING | {"captured_requests": 10}
    assert CapturedRequest.objects.filter(received_at__gt=ago(30)).count() == 2
    assert CapturedRequest.objects.count() == 2


@pytest.mark.django_db
def test_ended_executions_older_than_the_setting_are_deleted_with_their_rows(
    prune, flow, settings
):
    settings.KEEP_EXECUTIONS_DAYS = 30
    execution(flow, 31)
    remaining = {execution(flow, 29).pk, execution(flow, 400, ended=False).pk}

    assert prune() == NOTHING | {"executions": 1}
    assert set(Execution.objects.values_list("pk", flat=True)) == remaining
    assert set(NodeResult.objects.values_list("execution", flat=True)) == remaining
    assert set(RunnerJob.objects.values_list("execution", flat=True)) == remaining


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("of_policy", "of_site", "deleted"),
    [
        (None, 0, 0),
        (None, 30, 1),
        (30, 0, 1),
        (30, 5000, 1),
        (5000, 30, 1),
        (40, 50, 0),
    ],
)
def test_the_shorter_of_policy_and_setting_counts(
    prune, webhook, flow, settings, of_policy, of_site, deleted
):
    for name in ("keep_captured_requests_days", "keep_executions_days"):
        setattr(settings, name.upper(), of_site)
        Organization.objects.update(**{name: of_policy})
    captured(webhook, 31)
    execution(flow, 31)

    assert prune() == NOTHING | {"captured_requests": deleted, "executions": deleted}


@pytest.mark.django_db
def test_a_policy_does_not_affect_another_organization(prune, webhook, acme, globex):
    theirs = Webhook.objects.create(organization=globex, name="Theirs")
    Organization.objects.filter(pk=acme.pk).update(keep_captured_requests_days=30)
    for one in (webhook, theirs):
        captured(one, 31)

    assert prune() == NOTHING | {"captured_requests": 1}
    assert CapturedRequest.objects.get().webhook == theirs


@pytest.mark.django_db
def test_a_dry_run_counts_and_deletes_nothing(prune, webhook, flow, settings, issue):
    settings.KEEP_CAPTURED_REQUESTS_DAYS = settings.KEEP_EXECUTIONS_DAYS = 30
    Refusal.objects.create(key=issue()[0], reason="x", minute=ago(40))
    captured(webhook, 31)
    execution(flow, 31)
    expected = {"refusals": 1, "captured_requests": 1, "executions": 1}

    assert prune("--dry-run") == NOTHING | expected | {"dry_run": True}
    assert CapturedRequest.objects.count() == Execution.objects.count() == 1
    assert prune() == NOTHING | expected


@pytest.mark.django_db
def test_a_dry_run_says_so(capsys):
    call_command("prune", "--dry-run")

    assert capsys.readouterr().out.startswith("Would delete 0 form nonces")


@pytest.mark.postgresql
def test_a_locked_row_is_skipped(committing, meanwhile, prune, webhook, settings):
    settings.KEEP_CAPTURED_REQUESTS_DAYS = 30
    rows = [captured(webhook, 31) for _ in range(3)]
    held = CapturedRequest.objects.select_for_update().filter(pk=rows[0].pk)

    pruned = meanwhile(lambda: list(held), prune)

    assert pruned["captured_requests"] == 2
    assert CapturedRequest.objects.get() == rows[0]


@pytest.mark.django_db
def test_notices_and_digests_are_kept_for_more_than_a_year(prune, issue, alice):
    key, _ = issue()
    for days in (399, 401):
        at = ago(days)
        ExpiryNotice.objects.create(
            organization=key.organization,
            key=key,
            ends_at=at,
            threshold=7,
            created_at=at,
        )
        NoticeDigest.objects.create(user=alice, day=at.date())
        ContactDigest.objects.create(address="ops@team.example", day=at.date())

    deleted = {"notices": 1, "notice_digests": 1, "contact_digests": 1}
    assert prune() == NOTHING | deleted
    assert ExpiryNotice.objects.get().created_at > ago(400)
