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


def test_every_operation_of_keys_is_listed_with_its_scopes_and_answer(ask):
    page = ask()

    listed = [o for o in operations() if ApiKey in o.accepts]
    for operation in operations():
        row = f"<strong>{operation.operation_id}</strong>"
        assert (row in page) == (operation in listed)
    expected = {(), ("flows:read",), ("flows:execute",)}
    allowed = sum(operation.scopes in expected for operation in listed)
    assert page.count('<span class="answer">Allowed</span>') == allowed
    assert f"{allowed} of {len(listed)} operations allowed" in page
    assert f"has {len(operations()) - len(listed)} more for people" in page
    assert '<code class="scope-lacking">flows:create</code> (missing)' in page
    assert "The rate limit, quotas," in page


def test_an_operation_of_people_is_answered_too(ask):
    page = ask(operation="createAPIKey", address=HERE)

    assert "<strong>403</strong> <code>FORBIDDEN</code>" in page
    assert "API keys cannot do this." in page


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


def test_all_keys_are_checked_for_an_operation(signed_in, acme, issue, globex):
    issue("flows:execute", name="runs")
    issue("flows:execute", name="runs from one place", allowed_networks=["192.0.2.1"])
    issue("flows:read", name="reads")
    issue("flows:execute", name="is stopped")[0].suspend(by=SYSTEM)
    issue("flows:execute", name="is gone")[0].revoke(by=SYSTEM)
    issue("flows:execute", name="theirs", organization=globex)
    url = reverse("apikeys:keys_by_operation", args=[acme.pk])

    def answers(**query):
        found = signed_in.get(url, {"operation": "launchFlow"} | query)
        return {
            key.name: answer.refusal and answer.refusal.code
            for key, answer in found.context["answers"]
        }

    expected = {
        "is stopped": "API_KEY_SUSPENDED",
        "reads": "MISSING_REQUIRED_SCOPES",
        "runs from one place": None,
        "runs": None,
    }
    assert answers() == expected
    assert answers(address="192.0.2.1") == expected
    elsewhere = {"runs from one place": "IP_NOT_ALLOWED"}
    assert answers(address="192.0.2.2") == expected | elsewhere
    page = " ".join(signed_in.get(url, {"operation": "launchFlow"}).text.split())
    assert "Needs flows:execute." in page
    assert "lacks flows:execute" in page


def test_the_keys_of_an_operation_are_paged_and_cost_the_same(
    signed_in, acme, issue, django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr("apikeys.views.pagination.KeysetPaginationMixin.page_size", 3)
    for n in range(7):
        issue(name=f"key {n}", allowed_networks=["192.0.2.1"] if n % 2 else None)
    url = reverse("apikeys:keys_by_operation", args=[acme.pk])
    seen, query = [], "?operation=listFlows"

    while query:
        with django_assert_max_num_queries(6):
            found = signed_in.get(f"{url}{query}")
        seen += [key.name for key, _ in found.context["answers"]]
        query = found.context["next"]

    assert seen == [f"key {n}" for n in reversed(range(7))]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Choose an operation"),
        ("?operation=flyFlows", "Operation: This is not a valid option."),
        ("?operation=createAPIKey", "Operation: This is not a valid option."),
        ("?operation=listFlows&address=office", "This is not an IP address."),
        ("?operation=listFlows", "has no keys that are not revoked"),
    ],
)
def test_an_operation_is_chosen_first(signed_in, acme, query, said):
    url = reverse("apikeys:keys_by_operation", args=[acme.pk])

    page = signed_in.get(f"{url}{query}")

    assert page.status_code == 200
    assert said in page.text
    assert not page.context["answers"]
