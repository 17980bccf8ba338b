"""A tag has one spelling, whatever it was typed as."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from echopoint.core.names import LOOKS_LIKE_A_KEY
from echopoint.flows.models import Flow, FlowTag, as_tag
from tests.core.keys import RANDOM

DEFINITION = {"name": "f", "version": "1.0", "nodes": [], "edges": []}


@pytest.fixture
def people(api, alice):
    return api(user=alice)


def tagged(people, *tags):
    body = {"name": "f", "flow_definition": DEFINITION, "tags": tags}
    return people.post("/flows", body)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ÉTÉ", "e\u0301te\u0301"), ("ＣＩ", "ci"), ("two  words", "TWO\u00a0WORDS")],
)
def test_tags_that_look_the_same_are_one(people, one, other):
    response = tagged(people, one, other)

    found = people.post("/flows/search", {"tags": [other]}).json()
    assert response.json()["tags"] == [as_tag(one)]
    assert len(found["items"]) == 1


def test_a_tag_keeps_what_people_read(people):
    assert tagged(people, "ΣΊΣΥΦΟΣ", "Straße").json()["tags"] == ["straße", "σίσυφος"]


@pytest.mark.parametrize("tag", ["a\u200bb", "\u2800", "\u202ea"])
def test_a_tag_can_be_seen(people, tag):
    response = tagged(people, tag)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "tags[0]"


def test_a_part_of_a_secret_is_noticed_before_it_is_put_in_lower_case(people):
    response = tagged(people, RANDOM)

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == LOOKS_LIKE_A_KEY
    assert not FlowTag.objects.exists()


def test_tags_of_before_get_their_spelling_and_those_that_become_one_are_one(
    acme, monkeypatch
):
    migration = import_module("echopoint.flows.migrations.0003_plain_tags")
    monkeypatch.setattr(migration, "BATCH", 2)
    flows = [
        Flow.objects.create(organization=acme, name="f", flow_definition=DEFINITION)
        for _ in range(2)
    ]
    for flow, name in [
        (0, "ｃｉ"),
        (0, "ci"),
        (0, "e\u0301"),
        (1, "ｃｉ"),
        (1, "smoke"),
    ]:
        FlowTag.objects.create(flow=flows[flow], name=name)

    migration.respell(apps, SimpleNamespace(connection=connection))

    assert [flow.tags for flow in flows] == [["ci", "é"], ["ci", "smoke"]]
