"""The executions of a key on its page and in the verdict of its rotation."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.last_execution import last_execution
from apikeys.models import ApiKey, KeyPlace
from tests.executions.runner_client import PIPELINE_SCOPES


@pytest.fixture
def key(ci):
    return ApiKey.objects.get()


def test_the_last_execution_that_a_key_published_is_its_run(launch, publish, key):
    publish(launch())
    publish(launch(), status="failed")
    launch()

    run = last_execution(key)

    assert (run.name, run.status) == ("Checkout", "failed")


def test_a_key_that_only_launched_has_no_run(launch, publish, key, api):
    publish(launch(), client=api("runner:complete"))

    assert last_execution(key) is None


def test_the_verdict_names_what_the_new_key_published(
    launch, publish, key, api, client, alice
):
    successor, secret = key.rotate(by=Actor.person(alice, via="test", is_fresh=True))
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=None)
    caller = api(secret=secret, organization=key.organization)
    publish(launch(client=caller), client=caller)
    client.force_login(alice)

    page = client.get(
        reverse("apikeys:detail", args=[key.organization_id, key.public_id])
    )

    assert page.context["phase"] == "safe", page.context["verdict"]
    assert "a completed execution of Checkout just now" in page.text
    assert "<strong>Execution completed" in page.text
    assert "No execution was published" not in page.text
    assert set(successor.scopes) == set(PIPELINE_SCOPES)


def test_the_page_of_a_key_shows_its_last_execution(
    launch, publish, key, client, alice
):
    client.force_login(alice)
    url = reverse("apikeys:detail", args=[key.organization_id, key.public_id])
    before = client.get(url).text

    publish(launch(), status="failed")

    assert "Last execution published" not in before
    after = client.get(url).text
    assert "Last execution published" in after
    assert "Checkout failed, " in after


def test_a_new_key_that_published_nothing_yet_says_so(key, api, client, alice):
    _, secret = key.rotate(by=Actor.person(alice, via="test", is_fresh=True))
    api(secret=secret, organization=key.organization).get("/permissions")
    client.force_login(alice)
    url = reverse("apikeys:rotation_status", args=[key.organization_id, key.public_id])

    assert "No execution was published with it yet." in client.get(url).text


def test_a_new_key_with_too_few_scopes_is_not_safe(key, api, client, alice, flow):
    by = Actor.person(alice, via="test", is_fresh=True)
    _, secret = key.rotate(by=by, scopes=["runner:complete"], overlap=timedelta(days=1))
    caller = api(secret=secret, organization=key.organization)
    assert caller.get("/api-keys/self").status_code == 200
    assert caller.post(f"/flows/{flow.pk}/launch", {}).status_code == 403
    write_buffers.flush()
    client.force_login(alice)

    page = client.get(
        reverse("apikeys:detail", args=[key.organization_id, key.public_id])
    )

    assert page.context["phase"] == "in_use"
    sentence = page.context["verdict"].sentence
    assert "refused flows:execute, which the old one has" in sentence


GIT = {"repository": "acme/web", "workflow": "CI", "job": "smoke", "run_id": "7"}


def places():
    write_buffers.flush()
    return [place.place.label for place in KeyPlace.objects.order_by("name")]


def test_a_launch_is_seen_at_the_pipeline_that_it_names(launch, publish):
    execution = launch(trigger_type="git", trigger_metadata=GIT)

    publish(execution)

    assert places() == ["acme/web (workflow CI, job smoke)"]
    assert KeyPlace.objects.get().requests == 2


def test_a_launch_that_names_no_pipeline_is_seen_at_its_flow(launch, publish, flow):
    publish(launch())

    assert places() == ["flow Checkout"]
    flow.name = "Pay"
    flow.save()
    launch()
    assert places() == ["flow Pay"]


def test_the_pipeline_in_the_header_counts_more_than_that_of_the_launch(ci, flow):
    header = "repository=acme%2Fapi&workflow=CI&job=smoke"
    body = {
        "runner_type": "ephemeral",
        "trigger_type": "git",
        "trigger_metadata": GIT,
    }

    ci.post(f"/flows/{flow.pk}/launch", body, X_CI_Context=header)

    assert places() == ["acme/api (workflow CI, job smoke)"]


def test_a_launch_that_is_refused_for_its_body_is_seen_at_its_client(ci, flow):
    ci.post(f"/flows/{flow.pk}/launch", {"runner_type": "x"}, User_Agent="curl/8")

    assert places() == ["curl from 127.0.0.1"]
