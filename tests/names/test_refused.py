"""A key that was pasted for a name is refused, whatever the name and whatever the way in."""

import pytest

from echopoint.core.names import LOOKS_LIKE_A_KEY
from tests.core.keys import KEY, SHOWN
from tests.names.ways import EDGE, WAYS
from tests.sinks import tables

SECRET = KEY[22:]


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
