"""A secret appears in no log, table, session, message or page."""

import json
import traceback

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apikeys import tokens
from apikeys.models import ApiKey, SpentNonce
from echopoint.organizations.models import User
from tests.leak_search import console_pages, tables
from tests.signing_in import sign_in


@pytest.fixture
def secret(client, alice, acme):
    """Issue a key on the page and return its secret."""
    sign_in(client, alice)
    page = reverse("apikeys:issue", args=[acme.pk])
    response = client.post(
        page,
        {
            "nonce": SpentNonce.objects.issue(user=alice, page=page),
            "name": "traced",
            "scopes": ["flows:read", "webhooks:read", "webhooks:create"],
            "expires_in_days": "90",
        },
    )
    return response.context["secret"]


def use_everywhere(api, acme, secret, client, key):
    """Send the secret in every possible way, right and wrong."""
    caller = api(secret=secret, organization=acme)
    caller.get("/flows")
    caller.get("/collections")  # a scope it lacks
    caller.get("/flows", X_Organization_Id="org_other")
    caller.get("/flows", User_Agent=f"curl {secret}")
    caller.get(f"/flows/{secret}")
    caller.get(f"/nowhere/{secret}")
    caller.get(f"/flows?api_key={secret}&limit={secret}")
    caller.post("/webhooks", {"name": 5, "key": secret})
    api(secret=secret[:-1], organization=acme).get("/flows")
    api(secret=secret + "x", organization=acme).get("/flows")
    hook = caller.post("/webhooks", {"name": "hook"}).json()["url"]
    path = hook[hook.index("/webhook/") :]
    client.post(
        f"{path}?key={secret}", secret, "text/plain", headers={"X-Api-Key": secret}
    )
    client.get(reverse("apikeys:list", args=[acme.pk]))
    client.post(reverse("apikeys:revoke", args=[acme.pk, key.public_id]))
    caller.get("/flows")


def test_the_secret_is_in_no_sink(api, acme, secret, client, log, monkeypatch):
    key = ApiKey.objects.get(name="traced")
    private = secret.removeprefix(f"epk_live_{key.public_id}_")[:43]

    use_everywhere(api, acme, secret, client, key)
    monkeypatch.setattr("echopoint.flows.api.FlowViewSet.list", fail_with(secret))
    other = api("flows:read")
    error_page = other.get("/flows").content.decode()

    sinks = {
        "tables": tables(),
        "log": log.getvalue(),
        "session": json.dumps(dict(client.session)),
        "cookies": str(client.cookies),
        "error page": error_page,
        "texts": f"{key} {key!r} {vars(key)}",
    }
    assert "traced" in sinks["tables"]
    assert "/flows" in sinks["log"]
    assert "Traceback" in sinks["log"]
    assert {name for name, text in sinks.items() if private in text} == set()


def test_a_secret_that_is_searched_for_is_in_no_sink(acme, secret, client, log, issue):
    key, _ = issue()
    find = reverse("apikeys:find", args=[acme.pk])
    listed = reverse("apikeys:list", args=[acme.pk])
    private = secret.rpartition("_")[2][:43]
    answers = []

    for text in (secret, f" {secret}\r\n", secret[:-1], f"key={secret}", private):
        answers.append(client.post(find, {"q": text}, follow=True))
        answers.append(client.post(f"{find}?status=active", {"q": text}))
        answers.append(client.post(find, {"q": text}, headers={"HX-Request": "true"}))
    stranger = Client(enforce_csrf_checks=True)
    answers.append(stranger.post(find, {"q": secret}))
    answers.append(Client().post(find, {"q": secret}, follow=True))

    told = [
        f"{a.headers} {a.content} {getattr(a, 'redirect_chain', '')}" for a in answers
    ]
    sinks = {
        "answers": "\n".join(told),
        "tables": tables(),
        "log": log.getvalue(),
        "session": json.dumps(dict(client.session)),
        "cookies": f"{client.cookies} {stranger.cookies}",
    }
    assert {answer.status_code for answer in answers} == {200, 302, 403}
    assert {name for name, text in sinks.items() if private in text} == set()
    assert client.get(listed)["Referrer-Policy"] in {"same-origin", "no-referrer"}


def fail_with(secret):
    def fail(*args):
        raise RuntimeError(f"a careless message with {secret}")

    return fail


def test_the_secret_is_on_no_page_of_the_console(secret, client, db):
    boss = User.objects.create_superuser("boss@echopoint.example", "a long password")
    sign_in(client, boss)
    digest = ApiKey.objects.get().digest

    texts = {page: client.get(page).content.decode() for page in console_pages()}

    assert len(texts) > 10
    private = secret.rpartition("_")[2]
    assert [p for p, text in texts.items() if private in text or digest in text] == []


def test_the_secret_is_not_on_the_debug_page(api, acme, secret, settings, monkeypatch):
    settings.DEBUG = True
    monkeypatch.setattr("echopoint.flows.api.FlowViewSet.list", fail_with(secret))

    page = api(secret=secret, organization=acme).get("/flows").content.decode()

    assert "a careless message" in page
    assert secret.rpartition("_")[2] not in page


def test_a_failing_issue_does_not_print_what_it_made(acme, monkeypatch):
    made = []
    generate = tokens.generate

    def remember():
        made.append(generate())
        return made[0]

    monkeypatch.setattr(tokens, "generate", remember)
    monkeypatch.setattr(ApiKey, "save", lambda *args, **options: 1 / 0)

    try:
        call_command(
            "issue_api_key", organization=acme.pk, name="x", scope=["flows:read"]
        )
    except ZeroDivisionError as error:
        told = "".join(traceback.format_exception(error))

    assert made[0].text not in told
