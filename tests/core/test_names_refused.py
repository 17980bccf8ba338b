"""A key pasted as a name is refused, for every name and every input."""

import json

import pytest

from echopoint.core.names import LOOKS_LIKE_A_KEY
from tests.core.keys import KEY, RANDOM, SHOWN
from tests.core.name_inputs import EDGE, WAYS
from tests.leak_search import tables

SECRET = KEY[22:]
METADATA = WAYS["executions.Execution.trigger_metadata"]


@pytest.mark.parametrize(
    ("field", "way"),
    [
        pytest.param(field, way, id=f"{field}-{way}")
        for field, ways in WAYS.items()
        for way in ways
    ],
)
def test_a_key_is_refused_for_a_name_and_not_repeated(world, field, way):
    answer = WAYS[field][way](world, KEY)

    assert LOOKS_LIKE_A_KEY in answer
    assert SECRET[:20] not in answer
    assert SECRET[:20] not in tables()


NAMES = [
    "apikeys.ApiKey.name",
    "apikeys.ApiKey.description",
    "apikeys.ApiKey.revoke_reason",
    "apikeys.NetworkRange.name",
    "organizations.Organization.name",
    "organizations.User.name",
    "organizations.User.email",
    "auth.Group.name",
    "account.EmailAddress.email",
    "flows.Flow.name",
    "flows.Flow.version",
    "flows.FlowTag.name",
    "webhooks.Webhook.name",
    "collections.Collection.name",
    "collections.Folder.name",
    "collections.SavedRequest.name",
    "executions.Runner.runner_id",
    "executions.Runner.version",
]
NAMED_IN_DEFINITIONS = ("name", "display name", "inner")


@pytest.mark.parametrize(
    ("field", "way"),
    [
        *((field, way) for field in NAMES for way in WAYS[field]),
        *(("flows.Flow.flow_definition", way) for way in NAMED_IN_DEFINITIONS),
    ],
)
def test_a_name_has_nothing_invisible_and_something_to_see(world, field, way):
    hidden = WAYS[field][way](world, "Prod\u200buction")
    blank = WAYS[field][way](world, "\u2800")

    assert "U+200B (ZERO WIDTH SPACE)" in hidden
    assert "U+2800 (BRAILLE PATTERN BLANK)" in blank
    assert "\u200buction" not in tables()


@pytest.mark.parametrize("field", ["Collection", "Folder", "SavedRequest"])
def test_what_is_said_of_a_thing_may_hold_any_characters(world, field):
    way = WAYS[f"collections.{field}.description"]["create"]

    answer = way(world, "two\nlines \u200f")

    assert "two\\nlines" in answer
    assert '"errors"' not in answer


@pytest.mark.parametrize(
    ("field", "way"),
    [
        ("apikeys.ApiKey.name", "page"),
        ("apikeys.ApiKey.revoke_reason", "page"),
        ("flows.Flow.name", "create"),
        ("executions.Execution.trigger_metadata", "ref"),
    ],
)
def test_the_public_form_of_a_key_is_not_refused(world, field, way):
    answer = WAYS[field][way](world, f"after {SHOWN}")

    assert LOOKS_LIKE_A_KEY not in answer
    assert SHOWN[:21] in tables()


@pytest.mark.parametrize(
    ("way", "values", "place"),
    [
        ("define_data", {"headers": {"X-Key": KEY}}, "nodes[0].data.headers.X-Key"),
        ("define_data", {"body": [{KEY: 1}]}, "nodes[0].data.body[0]"),
        ("define_edge", {"target_handle": KEY}, "edges[0].target_handle"),
        ("save", {"auth": {"type": "bearer", "token": KEY}}, "auth.token"),
        ("save", {"response_spec": {"schema": {"a": [KEY]}}}, "response_spec.schema.a"),
        ("save", {"url": KEY}, "url"),
    ],
)
def test_a_key_in_json_is_refused_by_its_path(world, way, values, place):
    answer = json.loads(getattr(world, way)(**values))

    [error] = answer["errors"]
    assert error["field"].removeprefix("flow_definition.").startswith(place)
    assert error["message"] == LOOKS_LIKE_A_KEY


@pytest.mark.parametrize("field", ["title", "item_var", "index_var"])
def test_what_data_calls_things_is_no_part_of_a_secret(world, field):
    answer = world.define_data(**{field: SECRET})

    assert LOOKS_LIKE_A_KEY in answer
    assert SECRET[:20] not in answer
    assert f"data.{field}" in answer
    assert "errors" not in world.define_data(title={"any": 1})


def test_a_template_stands_for_a_key_in_json(world):
    template = "Bearer {{api_key}}"

    told = [
        world.define_data(headers={"Authorization": template}, body={"a": template}),
        world.save(auth={"type": "bearer", "token": template}, headers={"a": template}),
    ]

    assert [text for text in told if "errors" in text] == []


@pytest.mark.parametrize(
    ("field", "way"),
    [
        ("flows.Flow.flow_definition", "edge"),
        ("flows.Flow.flow_definition", "source handle"),
        ("flows.Flow.flow_definition", "body"),
        ("flows.Flow.metadata", "position"),
        ("collections.SavedRequest.auth", "token"),
        ("executions.Runner.runner_id", "next"),
        ("executions.Runner.version", "heartbeat"),
        *(("executions.Execution.trigger_metadata", name) for name in METADATA),
    ],
)
def test_what_programs_make_up_may_be_as_random_as_a_secret(world, field, way):
    for text in (RANDOM, f"xy-edge__{RANDOM}", f"bot_AbCdEfGhIjKl_{RANDOM[:30]}"):
        assert LOOKS_LIKE_A_KEY not in WAYS[field][way](world, text)
        assert text[:40] in tables()


def test_an_idempotency_key_may_be_as_random_as_a_key(world):
    answer = WAYS["executions.Execution.idempotency_digest"]["launch"](world, SECRET)

    assert '"status":"pending"' in answer


def test_a_command_does_not_repeat_a_key_that_stands_where_none_should(world):
    own, organization = world.key.rest_id, world.acme.pk

    told = [
        world.command("issue_api_key", organization=KEY, name="n", preset="ci"),
        world.command(
            "issue_api_key", organization=organization, name="n", scope=[KEY]
        ),
        world.command("rotate_api_key", own, scope=[KEY]),
        world.command("rotate_api_key", own, overlap=KEY),
        world.command("rotate_api_key", own, KEY),
        world.command("revoke_api_key", own, f"--{KEY}", "--reason=x"),
        world.command("revoke_api_key", SECRET, "--reason=x"),
    ]

    assert [text for text in told if SECRET[:20] in text] == []


def test_the_api_does_not_repeat_a_key_that_stands_where_none_should(world):
    told = [
        world.rest("POST", "/api-keys", {"name": "n", "permissions": [KEY]}),
        world.rest("POST", "/api-keys", {"name": "n", "permissions": [], KEY: 1}),
        world.rest("POST", "/flows", f'{{"{KEY}": 1, "{KEY}": 2}}'),
        world.define(edges=[EDGE | {"id": "e", "source": KEY}]),
        world.define_node(type=KEY),
        world.define_node(id=KEY, outputs=5),
        world.rest("PUT", f"/organization/variables/a?{KEY}", {"value": "v", KEY: 1}),
        world.job(KEY),
    ]

    assert [text for text in told if SECRET[:20] in text] == []
