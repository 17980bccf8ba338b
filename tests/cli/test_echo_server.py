"""The service that the tests call does what its table says."""

import ssl
import threading

import httpx
import pytest


def test_it_echoes_what_it_was_asked(service):
    answer = httpx.post(f"{service.url}/echo?a=1&a=2", json={"b": 3}).json()

    assert answer["method"] == "POST"
    assert answer["query"] == {"a": ["1", "2"]}
    assert answer["body"] == '{"b":3}'
    assert service.seen == [answer]


def test_it_answers_the_status_it_is_asked_for(service):
    assert httpx.get(f"{service.url}/status/503").status_code == 503


def test_its_redirects_end_at_the_echo(service):
    answer = httpx.get(f"{service.url}/redirect/3", follow_redirects=True)

    assert len(answer.history) == 3
    assert answer.json()["path"] == "/echo"


def test_it_never_answers_when_told_to_be_silent(service):
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{service.url}/silent", timeout=0.2)


def test_its_certificate_is_not_trusted(distrusted_service):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{distrusted_service.url}/echo")

    context = ssl._create_unverified_context()  # noqa: S323
    answer = httpx.get(f"{distrusted_service.url}/echo", verify=context)
    assert answer.json()["path"] == "/echo"


def test_it_leaves_no_thread_behind(service):
    # Servers of other tests may still have threads.
    others = {*threading.enumerate(), service.thread}

    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{service.url}/drip", timeout=httpx.Timeout(5, read=0.01))

    service.closing.set()
    for thread in {*threading.enumerate()} - others:
        thread.join(timeout=5)
        assert not thread.is_alive()
