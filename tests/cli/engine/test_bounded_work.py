"""The limit of what reading, checking and recording may take of a processor."""

import asyncio
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from echopoint.cli.engine import bounded_work, node_execution
from echopoint.cli.engine.bounded_work import run_bounded
from echopoint.cli.engine.exceptions import NodeFailed
from echopoint.cli.engine.threads import DaemonThreads
from echopoint.masking.mask import Mask
from tests.cli.engine.flows import assertion, node, request, run_node

pytestmark = pytest.mark.slow

# Quadratic: seconds of work, without a match that would end it early.
SQUARE = "$[?$[?@ == -1]]"


@pytest.fixture
def limit(monkeypatch):
    """Return a way to set the limit, of all work or of one step of a node."""

    def limit(seconds, of=""):
        async def limited(what, *work):
            with pytest.MonkeyPatch.context() as patch:
                if what.startswith(of):
                    patch.setattr(bounded_work, "MAX_SECONDS", seconds)
                return await run_bounded(what, *work)

        if of:
            monkeypatch.setattr(node_execution, "run_bounded", limited)
        else:
            monkeypatch.setattr(bounded_work, "MAX_SECONDS", seconds)
        monkeypatch.setattr(bounded_work, "CHECK_SECONDS", 0.01)

    return limit


def burn(seconds):
    """Take this much of a processor, however long that is."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return seconds


def together(*calls):
    """Return what each call returns, or raises, all of them run at once."""

    async def act():
        asyncio.get_running_loop().set_default_executor(DaemonThreads())
        works = (run_bounded("It", "Do less.", *call) for call in calls)
        return await asyncio.gather(*works, return_exceptions=True)

    return asyncio.run(act())


def test_what_neighbours_take_is_not_counted(limit):
    limit(0.2)

    assert together(*[(burn, 0.04)] * 16) == [0.04] * 16


def test_what_the_thread_did_before_is_not_counted(limit):
    limit(0.25)

    async def act():
        pool = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(pool)
        await run_bounded("It", "Do less.", burn, 0.2)
        return await run_bounded("It", "Do less.", burn, 0.2)

    assert asyncio.run(act()) == 0.2


def test_endless_work_fails_at_the_limit_and_other_nodes_finish(limit):
    limit(0.3)
    let_go = threading.Event()

    def spin():
        while not let_go.is_set():
            pass

    try:
        endless, other = together((spin,), (burn, 0.1))
    finally:
        let_go.set()

    assert isinstance(endless, NodeFailed)
    assert endless.code == "PROCESSING_LIMIT_EXCEEDED"
    assert endless.message == "It took more than 0.3 s of processor time. Do less."
    assert other == 0.1


def test_where_no_clock_can_be_read_the_wall_counts_for_all_neighbours(
    limit, monkeypatch
):
    monkeypatch.setattr(bounded_work, "CAN_READ_CLOCKS", False)
    limit(0.02)
    let_go = threading.Event()

    (endless,) = together((let_go.wait, 60))

    let_go.set()
    assert endless.message == "It took longer than 0.32 s. Do less."


def test_what_the_work_raises_is_raised():
    (error,) = together((json.loads, "{"))

    assert isinstance(error, json.JSONDecodeError)


@pytest.mark.parametrize("part", ["assertions", "outputs"])
def test_a_path_that_asks_for_too_much_is_no_failed_assertion(limit, part):
    limit(0.2, of="Checking the assertions")
    many = {
        "assertions": [assertion("exists", kind="jsonPath", path=SQUARE)],
        "outputs": [{"name": "a", "extractor": {"type": "jsonPath", "path": SQUARE}}],
    }
    one = node("assert", "check", {"target": list(range(1500))}, **{part: many[part]})

    result = run_node(one)

    assert result["error_code"] == "PROCESSING_LIMIT_EXCEEDED"
    assert result["error_message"] == (
        "Checking the assertions and taking the outputs took more than 0.2 s of processor"
        " time. Make their paths simpler, or ask the service for less."
    )


HIDING = {"inputs": {"key": "s3cret-value"}, "secrets": ["key"]}
# Takes most of a second to search, in many steps.
MANY = [{"text": "abc %41 token=xyz", "coded": "Zm9vYmFyYmF6" * 3}] * 16_000


def test_a_response_that_takes_too_long_to_record_fails_with_a_reason(limit, service):
    limit(0.1, of="Recording the response")

    result = run_node(request("a", f"{service.url}/bomb?size=6000000"), **HIDING)

    assert result["error_code"] == "PROCESSING_LIMIT_EXCEEDED"
    assert result["error_message"].startswith("Recording the response took more than")


def test_a_request_that_takes_too_much_to_record_is_not_sent(limit, service):
    limit(0.1, of="Recording the request")
    large = request("a", f"{service.url}/echo", method="POST", body=MANY)

    result = run_node(large, **HIDING)

    assert result["error_code"] == "PROCESSING_LIMIT_EXCEEDED"
    assert result["error_message"].startswith("Recording the request took more than")
    assert service.seen == []


def test_inputs_that_take_too_much_to_record_fail_their_node(limit):
    limit(0.02, of="Recording the inputs")
    inputs = {"key": "s3cret-value", "large": MANY[:2000]}
    reads = node("set_variable", "a", {"variables": {"x": "{{large}}"}})

    result = run_node(reads, inputs=inputs, secrets=["key"])

    assert result["error_message"].startswith("Recording the inputs took more than")


def test_concurrent_threads_that_learn_secrets_lose_no_secret():
    mask = Mask()
    secrets = [f"s3cret-{number}-{'x' * number}" for number in range(64)]
    start = threading.Barrier(8)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def learn(some):
        start.wait()
        for secret in some:
            mask.learn(secret)

    threads = [threading.Thread(target=learn, args=(secrets[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)

    assert [mask.text(secret) for secret in secrets] == ["***"] * 64
