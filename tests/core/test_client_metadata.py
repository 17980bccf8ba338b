"""Client metadata, and the user agents that are known to hold no secret."""

import pytest
from django.test import RequestFactory

from echopoint.core import client_metadata
from echopoint.core.client_metadata import MAX_KNOWN, Client, known_user_agents
from tests.core.keys import KEY


@pytest.fixture(autouse=True)
def none_known():
    known_user_agents.clear()
    yield
    known_user_agents.clear()


@pytest.fixture
def stored():
    """Return a function that returns what is stored of a User-Agent."""

    def stored(text):
        request = RequestFactory().get("/flows", headers={"User-Agent": text})
        request.resolver_match = None
        return Client.of(request).user_agent

    return stored


def test_a_user_agent_is_searched_once(stored, monkeypatch):
    assert stored("curl/8.5.0") == "curl/8.5.0"
    monkeypatch.delattr(client_metadata, "one_line")

    assert stored("curl/8.5.0") == "curl/8.5.0"


@pytest.mark.parametrize("text", [f"curl {KEY}", "curl\u200b", "x" * 201])
def test_a_user_agent_that_is_changed_is_not_kept(stored, text):
    for _ in range(2):
        assert stored(text) != text

    assert known_user_agents == set()


def test_a_client_that_invents_user_agents_fills_no_memory(stored):
    for n in range(MAX_KNOWN + 10):
        stored(f"agent {n}")

    assert len(known_user_agents) <= MAX_KNOWN
