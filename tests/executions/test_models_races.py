"""Concurrent launches and completions on PostgreSQL; SQLite runs writers one by one."""

import pytest

from echopoint.executions.models import Execution, NodeResult
from tests.executions.runner_client import completion
from tests.executions.threads import at_once

pytestmark = pytest.mark.postgresql


@pytest.mark.usefixtures("committing")
def test_launches_with_one_key_are_one_execution(ci, flow):
    body = {"runner_type": "self_hosted"}

    answers = at_once(
        lambda n: ci.post(f"/flows/{flow.pk}/launch", body, Idempotency_Key="k")
    )

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["execution"]["id"] for answer in answers}) == 1
    assert Execution.objects.count() == 1
    assert [a.headers.get("Idempotent-Replayed") for a in answers].count(None) == 1


@pytest.mark.usefixtures("committing")
def test_one_of_several_concurrent_results_is_stored(ci, launch):
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    answers = at_once(lambda n: ci.post(path, completion(duration_ms=n)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 7
    taken = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert [Execution.objects.get().duration_ms] == taken
    assert NodeResult.objects.count() == 1


@pytest.mark.usefixtures("committing")
def test_concurrent_equal_results_are_stored_once(ci, launch):
    path = f"/runner/ephemeral/executions/{launch()['id']}/complete"

    answers = at_once(lambda n: ci.post(path, completion()))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert NodeResult.objects.count() == 1
