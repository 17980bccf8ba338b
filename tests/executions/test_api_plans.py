"""Lists of executions read few rows on PostgreSQL, with every filter."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from echopoint.flows.models import Flow
from tests.api_client import ApiClient
from tests.filled_tables import clean_up, fill_executions
from tests.tenants import create_organization, create_user

pytestmark = pytest.mark.postgresql
TABLE = "executions_execution"
EXECUTIONS = 20_000
LIMIT = 20
FLOWS = 40
INDEXES = {
    "": "execution_list",
    "status=completed": "execution_(list|by_status)",
    "status=failed": "execution_by_status",
    "status=cancelled": "execution_by_status",
    "trigger_type=git": "execution_(list|by_trigger)",
    "trigger_type=manual": "execution_by_trigger",
    "trigger_type=scheduled": "execution_by_trigger",
    "flow_id={flow}": "execution_of_flow",
    "flow_id={flow}&status=failed": "execution_of_flow_by_status",
    "flow_id={flow}&status=cancelled": "execution_of_flow_by_status",
    "since={since}": "execution_list",
    "status=failed&since={since}": "execution_by_status",
}


@pytest.fixture(scope="module")
def filled(transaction_of_module):
    """Return an organization with many executions, beside a larger one, with a flow."""
    organizations = [
        create_organization(name, create_user(f"olive@{name}.example"), "owner")
        for name in ("acme", "globex")
    ]
    for organization, count in zip(organizations, (1, 2), strict=True):
        flows = [
            Flow.objects.create(
                organization=organization, name=f"F{n}", flow_definition={}
            )
            for n in range(FLOWS)
        ]
        fill_executions(organization, count * EXECUTIONS, flows)
    clean_up(TABLE)
    acme = organizations[0]
    return acme, Flow.objects.for_org(acme).first()


@pytest.fixture
def listed(db, filled):
    """Return a function that requests a list: the JSON of the response."""
    organization, flow = filled
    client = ApiClient(organization, user=organization.memberships.get().user)
    since = (timezone.now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def listed(path):
        response = client.get(path.format(flow=flow.pk, since=since))
        assert response.status_code == 200, response.content
        return response.json()

    return listed


def is_count(plan):
    return "Aggregate" in plan.splitlines()[0]


@pytest.mark.parametrize("query", INDEXES)
def test_each_filter_is_a_range_of_an_index_in_the_order_of_the_list(
    listed, explained, query
):
    for offset in (0, 3000):
        plans = explained(lambda o=offset: listed(f"/executions?{query}&offset={o}"))

        pages = [
            plan for plan in plans if f"on {TABLE}" in plan and "LIMIT" not in plan
        ]
        pages = [plan for plan in pages if "execution_overdue" not in plan]
        for plan in pages:
            assert " Seq Scan " not in plan, plan
            if not is_count(plan):
                assert re.search(f" (on|using) {INDEXES[query]} ", plan), plan
                # A few executions may be read and sorted.
                is_rare = "failed" in query or "manual" in query
                assert is_rare or "Sort" not in plan, plan


def test_the_executions_of_a_flow_are_read_along_its_index(listed, explained):
    plans = explained(lambda: listed("/flows/{flow}/executions"))

    pages = [plan for plan in plans if "flow_id = " in plan and not is_count(plan)]
    assert pages
    for plan in pages:
        assert " execution_of_flow" in plan
        assert f" Seq Scan on {TABLE}" not in plan


def test_a_page_reads_no_rows_but_its_own(listed, rows_read, monkeypatch):
    # Without its count, which reads as many index entries as match.
    monkeypatch.setattr(
        "echopoint.api.viewsets.OrgScopedViewSet.known_total", lambda *args: 10**6
    )
    for query in INDEXES:
        read, nodes = rows_read(
            TABLE, lambda query=query: listed(f"/executions?{query}")
        )

        # Once for their sizes and once for their values, and others of a common status; or
        # the 40 of a rare one.
        assert read <= 5 * LIMIT, (query, nodes)
