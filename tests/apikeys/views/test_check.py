"""The page that says what a key would be allowed to do."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, Refusal
from echopoint.api.operations import operations
from tests.core.keys import KEY

SYSTEM = Actor.command("test")
HERE = "127.0.0.1"


@pytest.fixture
def key(issue):
    return issue("flows:read", "flows:execute")[0]


@pytest.fixture
def ask(signed_in, key):
    """Return a function that opens the page; its text has runs of space as one."""

    def ask(**query):
        url = reverse("apikeys:check", args=[key.organization_id, key.public_id])
        response = signed_in.get(url, query)
        assert response.status_code == 200
        return " ".join(response.text.split())

    return ask


def test_one_operation_is_answered_with_yes_or_the_very_error(ask, key):
    page = ask(operation="listFlows", address="203.0.113.9")
    assert "<strong>Yes.</strong> <code>listFlows</code> would be allowed" in page
    assert "from 203.0.113.9" in page

    page = ask(operation="createFlow", address="203.0.113.9")
    assert "<strong>403</strong> <code>MISSING_REQUIRED_SCOPES</code>" in page
    assert "This API key lacks flows:create." in page

    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)
    page = ask(operation="listFlows", address="203.0.113.9")
    assert "<strong>403</strong> <code>IP_NOT_ALLOWED</code>" in page
    assert "may not be used from 203.0.113.9." in page
    assert "would be allowed" in ask(operation="listFlows", address="::ffff:192.0.2.7")
    assert "may not be used from an unknown address." in ask(operation="listFlows")

    key.suspend(by=SYSTEM)
    page = ask(operation="listFlows", address="192.0.2.7")
    assert "<strong>401</strong> <code>API_KEY_SUSPENDED</code>" in page


def test_every_operation_is_listed_with_its_scopes_and_answer(ask):
    page = ask()

    for operation in operations():
        assert f"<strong>{operation.operation_id}</strong>" in page
    allowed = page.count('<span class="answer">Allowed</span>')
    expected = {(), ("flows:read",), ("flows:execute",)}
    assert allowed == sum(
        operation.scopes in expected and ApiKey in operation.accepts
        for operation in operations()
    )
    assert f"{allowed} of {len(operations())} operations allowed" in page
    assert '<code class="scope-lacking">flows:create</code> (missing)' in page
    assert "<code>FORBIDDEN</code>" in page
    assert "The rate limit, quotas," in page


def test_a_later_time_is_judged_by_the_dates_of_the_key(ask, key):
    def answer(at):
        return ask(operation="listFlows", address=HERE, at=f"{at:%Y-%m-%dT%H:%M}")

    assert "<strong>Yes.</strong>" in answer(key.expires_at - timedelta(days=1))
    assert "API_KEY_EXPIRED" in answer(key.expires_at + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"operation": "flyFlows"}, "Choose one of the operations."),
        ({"address": "office"}, "This is not an IP address."),
        ({"address": "x" * 101}, "at most 100 characters"),
        ({"at": "soon"}, "Enter a date and time."),
        ({"at": "2020-01-01T00:00"}, "Choose a time from now on"),
        ({"at": "0001-01-01T00:00"}, "Choose a time from now on"),
    ],
)
def test_an_invalid_question_has_no_answer(ask, query, why):
    page = ask(**query)

    assert "There is no answer" in page
    assert why in page
    assert "operations allowed" not in page


def test_a_key_in_the_address_is_not_repeated(ask):
    page = ask(address=KEY)

    assert KEY[22:] not in page
    assert "Paste keys into the search box only." in page


def test_the_form_is_on_the_keys_page_with_the_address_of_the_last_use(
    signed_in, key, acme
):
    ApiKey.objects.filter(pk=key.pk).update(last_used_ip="203.0.113.9")

    page = signed_in.get(key.get_absolute_url()).text

    assert "Would it be allowed?" in page
    assert 'name="address" value="203.0.113.9"' in page


def test_nothing_is_recorded(ask, key, statements):
    key.set_allowed_networks(["192.0.2.0/24"], by=SYSTEM)

    with statements() as found:
        ask(operation="listFlows", address=HERE)

    write_buffers.flush()
    assert {sql.split()[0] for sql in found} == {"SELECT"}
    assert not Refusal.objects.exists()
