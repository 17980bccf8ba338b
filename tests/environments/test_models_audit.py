"""Audit events of variables: actor and key, never a value."""

import pytest
from django.db import transaction

from apikeys.audit.timeline import in_words
from apikeys.models import AuditEvent
from echopoint.environments.models import Environment, Variable, VariableSet
from tests.environments.actor import SYSTEM

CANARY = "canary-value-5f2a"
SCOPES = [f"environment:{verb}" for verb in ("create", "read", "update", "delete")]


@pytest.fixture
def key(api):
    return api(*SCOPES, "flows:read", "flows:update", "flows:delete")


@pytest.fixture
def events_of(acme):
    """Return a function that lists acme's events that are not about API keys."""

    def events_of():
        events = AuditEvent.objects.for_org(acme).exclude(action__startswith="api_key")
        return [
            (e.get_action_display(), e.target_label, in_words(e))
            for e in events.order_by("sequence")
        ]

    return events_of


def test_each_write_and_each_deletion_is_an_event(key, flow, events_of, acme):
    paths = [
        "/organization/variables",
        "/organization/environments/staging/variables",
        f"/flows/{flow.pk}/variables",
    ]
    key.post("/organization/environments", {"name": "staging"})
    for path in paths:
        key.put(f"{path}/token", {"value": CANARY, "secret": "flows" in path})
    for path in paths:
        key.delete(f"{path}/token")

    assert events_of() == [
        ("Environment created", "staging", ""),
        ("Variable written", "token", "For the organization."),
        ("Variable written", "token", "For the environment staging."),
        ("Variable written", "token", "Secret, for the flow Checkout."),
        ("Variable deleted", "token", "For the organization."),
        ("Variable deleted", "token", "For the environment staging."),
        ("Variable deleted", "token", "For the flow Checkout."),
    ]
    assert AuditEvent.objects.verify(acme) is None


def test_an_event_contains_the_actor_and_the_address(key, api, alice, acme):
    key.put("/organization/variables/a", {"value": "1"}, User_Agent="curl")
    api(user=alice).put("/organization/variables/a", {"value": "2"})

    by_key, by_person = AuditEvent.objects.filter(action="variable.written")
    assert (by_key.actor_type, by_key.user_agent) == ("api_key", "curl")
    assert by_key.actor_id.startswith("key_")
    assert (by_person.actor_type, by_person.actor_id) == ("user", alice.pk)
    for event in (by_key, by_person):
        assert (event.ip, event.details["via"]) == ("127.0.0.1", "api")
        assert event.request_id


def test_all_variables_at_once_are_one_event(key, flow, events_of):
    for name in ("a", "b"):
        key.put(f"/flows/{flow.pk}/variables/{name}", {"value": CANARY})
    key.put("/organization/variables/a", {"value": CANARY})
    key.delete(f"/flows/{flow.pk}/variables")
    key.delete("/organization/variables")
    key.delete("/organization/variables")

    assert events_of()[3:] == [
        ("All variables deleted", "Checkout", "2 variables for the flow Checkout."),
        (
            "All variables deleted",
            "Acme",
            "1 variable for the organization and its environments.",
        ),
    ]


def test_the_event_of_a_deleted_environment_counts_its_variables(key, events_of):
    key.post("/organization/environments", {"name": "staging"})
    path = "/organization/environments/staging"
    for name in ("a", "b"):
        key.put(f"{path}/variables/{name}", {"value": CANARY})
    key.delete(path)

    assert events_of()[-1] == (
        "Environment deleted",
        "staging",
        "Including 2 variables.",
    )


def test_a_change_of_nothing_records_no_event(key, events_of):
    assert key.delete("/organization/variables/none").status_code == 404
    assert key.delete("/organization/environments/none").status_code == 404
    assert key.put("/organization/variables/1", {"value": "x"}).status_code == 400

    assert events_of() == []


def test_no_event_holds_a_value(key, flow):
    for value in (CANARY, CANARY * 2):
        key.put("/organization/variables/a", {"value": value, "secret": True})
        key.put(f"/flows/{flow.pk}/variables/a", {"value": value})
    key.delete("/organization/variables")

    events = "\n".join(str(event.as_dict()) for event in AuditEvent.objects.all())
    assert "variable.written" in events
    assert CANARY not in events
    assert Variable.objects.get().value.decrypt() == CANARY * 2


def test_no_variable_changes_without_its_event(put, acme, environment, monkeypatch):
    put("a", "before")
    environment("staging")
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)
    changes = [
        lambda: put("a", "after"),
        lambda: VariableSet.objects.lock(acme).remove("a", by=SYSTEM),
        lambda: VariableSet.objects.lock(acme).clear(by=SYSTEM),
        lambda: Environment.objects.discard(acme, "staging", by=SYSTEM),
        lambda: environment("other"),
    ]

    for change in changes:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            change()

    assert Variable.objects.get().value.decrypt() == "before"
    assert Environment.objects.get().name == "staging"


def test_another_organization_gets_no_event(key, globex):
    key.put("/organization/variables/a", {"value": "1"})

    assert not AuditEvent.objects.for_org(globex).exists()
