"""Secret values appear in no log, table, page or response."""

import json

import pytest
from django.db import connection

from echopoint.environments.models import Variable
from echopoint.environments.resolve import resolve
from echopoint.organizations.models import User
from tests.leak_search import console_pages, tables
from tests.signing_in import sign_in

CANARY = "canary-7f3a9c"
SCOPES = [f"environment:{action}" for action in ("read", "create", "update", "delete")]
SCOPES += ["flows:read", "flows:update", "flows:delete"]


@pytest.fixture
def places(flow, environment):
    environment("staging")
    return [
        "/organization/variables/token",
        "/organization/environments/staging/variables/token",
        f"/flows/{flow.pk}/variables/token",
    ]


@pytest.fixture
def logged_queries(caplog):
    """Log every query, as an operator can."""
    connection.force_debug_cursor = True
    with caplog.at_level("DEBUG", "django.db.backends"):
        yield
    connection.force_debug_cursor = False


def use(key, path):
    """Set a secret with valid and invalid requests; return all responses."""
    secret = {"value": CANARY, "secret": True}
    whole = path.rpartition("/")[0]
    yield key.put(path, {"value": CANARY, "secret": "yes"})
    yield key.put(path, {"value": [CANARY]})
    yield key.put(path, {"value": CANARY, "Secret": True})
    yield key("PUT", path, f'{{"value": "{CANARY}"')
    yield key.put(f"{whole}/1", secret)
    yield key.put(path, secret)
    yield key.put(path, secret | {"value": CANARY * 2})
    yield key.put(path, {"value": CANARY})
    yield key.get(whole)
    yield key.get("/organization/variables")
    yield key.put(path, secret, X_Organization_Id="org_other")
    yield key.put(path, secret, X_Api_Key=None)


def test_a_secret_is_in_no_sink(api, places, flow, log, logged_queries, monkeypatch):
    key = api(*SCOPES)

    answers = [answer for path in places for answer in use(key, path)]
    inputs = resolve(flow, "staging")
    monkeypatch.setattr(Variable, "save", lambda *args, **options: 1 / 0)
    answers.append(key.put(places[0], {"value": CANARY, "secret": True}))

    variables = list(Variable.objects.all())
    sinks = {
        "answers": "\n".join(answer.content.decode() for answer in answers),
        "tables": tables(),
        "log": log.getvalue(),
        "session": json.dumps(dict(key.client.session)),
        "texts": f"{variables} {[vars(v) for v in variables]} {inputs}",
    }
    assert inputs.values == {"token": CANARY * 2}
    assert answers[-1].status_code == 500
    assert "token" in sinks["tables"]
    assert "INSERT INTO" in sinks["log"]
    assert "Traceback" in sinks["log"]
    assert {name for name, text in sinks.items() if CANARY in text} == set()


def test_a_secret_is_on_no_page_of_the_console(api, places, client):
    for path in places:
        api(*SCOPES).put(path, {"value": CANARY, "secret": True})
    sign_in(client, User.objects.create_superuser("boss@echopoint.example"))

    texts = {page: client.get(page).content.decode() for page in console_pages()}

    assert sum("token" in text for text in texts.values()) >= 2
    assert [page for page, text in texts.items() if CANARY in text] == []
