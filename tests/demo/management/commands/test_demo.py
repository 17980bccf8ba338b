"""`manage.py demo`: its output works, and repeating it changes nothing."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.environments.resolve import resolve
from echopoint.flows.definition.validation import problems
from echopoint.flows.models import Flow
from echopoint.organizations.models import Organization

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)


@pytest.fixture
def demo(db, tmp_path):
    """Run the demo command; return its JSON output."""
    remembered = tmp_path / "demo.json"

    def demo(*flags):
        out = io.StringIO()
        call_command("demo", *flags, remember=remembered, stdout=out)
        return json.loads(out.getvalue()) if "--json" in flags else out.getvalue()

    demo.file = remembered
    return demo


def read(api, answer, path="/flows"):
    organization = Organization.objects.get(pk=answer["organization_id"])
    return api(secret=answer["secret"], organization=organization).get(path)


def pipeline():
    return ApiKey.objects.get(name="Demo pipeline")


def test_the_key_reads_the_flows_and_the_password_signs_in(demo, api, client):
    answer = demo("--json")

    assert set(answer) == {"url", "email", "password", "organization_id", "secret"}
    assert read(api, answer).json()["total"] >= 3
    assert client.login(username=answer["email"], password=answer["password"])


def test_the_key_is_a_ci_key_and_no_more(demo, api):
    answer = demo("--json")

    refused = read(api, answer, "/webhooks")

    assert pipeline().preset == "ci"
    error = refused.json()["errors"][0]
    assert error["metadata"]["missing_scopes"] == ["webhooks:read"]


def test_repeating_it_prints_the_same_and_adds_nothing(demo):
    first = demo("--json")
    flows = Flow.objects.count()

    second = demo("--json")

    assert second == first
    assert (ApiKey.objects.count(), Flow.objects.count()) == (2, flows)


@pytest.mark.parametrize("lost", ["forgotten", "revoked"])
def test_a_key_that_is_lost_or_revoked_is_replaced(demo, api, lost):
    first = demo("--json")
    if lost == "forgotten":
        demo.file.unlink()
    else:
        pipeline().revoke(by=SYSTEM)

    second = demo("--json")

    assert second["secret"] != first["secret"]
    assert read(api, first).status_code == 401
    assert read(api, second).status_code == 200
    assert second["organization_id"] == first["organization_id"]


def test_a_key_that_expires_in_a_few_days_shows_how_people_are_warned(demo):
    demo()
    (key,) = ApiKey.objects.expiring_within(7)
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=key.created_at - 9 * DAY, expires_at=key.expires_at - 9 * DAY
    )

    demo()

    (again,) = ApiKey.objects.expiring_within(7)
    assert again.name == key.name
    assert again.pk != key.pk


def test_a_short_lifetime_of_the_policy_holds_for_the_demo_too(demo):
    organization = demo("--json")["organization_id"]
    Organization.objects.filter(pk=organization).update(
        default_lifetime_days=2, max_lifetime_days=2
    )
    ApiKey.objects.update(revoked_at=timezone.now())

    demo()

    assert ApiKey.objects.expiring_within(2).count() == 2


def test_it_prints_how_to_start(demo):
    demo("--json")

    text = demo()

    (known,) = json.loads(demo.file.read_text()).values()
    for value in known.values():
        assert value in text
    assert "curl" in text


def test_the_stored_file_is_private(demo):
    demo()

    assert demo.file.stat().st_mode & 0o077 == 0


def test_base_url_is_the_echo_service_on_the_configured_port(demo, settings):
    demo()
    before = resolve(Flow.objects.first())

    settings.PORT = 9000
    demo()

    after = resolve(Flow.objects.first())
    assert before.values["base_url"] == "http://localhost:8000"
    assert after.values["base_url"] == "http://localhost:9000"
    assert after.secret_keys == ["PAYMENT_KEY"]
    assert after.values["PAYMENT_KEY"] == before.values["PAYMENT_KEY"]


def test_flows_of_an_older_demo_find_the_service_too(demo):
    demo()
    for flow in Flow.objects.all():
        older = json.dumps(flow.flow_definition).replace("/demo/echo", "")
        flow.flow_definition = json.loads(older)
        flow.save()

    demo()

    values = resolve(Flow.objects.first()).values
    assert values["base_url"] == "http://localhost:8000/demo/echo"


@pytest.fixture
def echo(settings):
    """Return a client of a site with DEMO set."""
    settings.ROOT_URLCONF = "echopoint.demo.service"
    return Client()


def test_the_echo_service_returns_the_request(echo):
    answer = echo.post(
        "/demo/echo/carts/1?a=b", {"quantity": 2}, "application/json"
    ).json()

    assert (answer["method"], answer["path"]) == ("POST", "/carts/1")
    assert (answer["query"], answer["json"]) == ({"a": "b"}, {"quantity": 2})
    assert answer["id"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [("503", 503), ("204", 204), ("99", 200), ("700", 200), ("²³⁴", 200), ("", 200)],
)
def test_the_echo_service_returns_the_requested_status(echo, asked, status):
    assert echo.get("/demo/echo/x", {"status": asked}).status_code == status


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 100_000])
def test_the_echo_service_survives_any_body(echo, body):
    response = echo.post("/demo/echo/x", body, "application/json")

    assert response.json()["json"] is None


def test_without_demo_there_is_no_echo_service(client):
    assert client.get("/demo/echo/x").status_code == 404


def test_its_flows_are_valid(demo):
    demo()

    for flow in Flow.objects.all():
        assert problems(flow.flow_definition) == []
