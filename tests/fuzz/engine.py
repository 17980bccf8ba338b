"""Fuzz the flow engine: random definitions against random responses.

    python -m tests.fuzz.engine

FUZZ_RUNS is the number of flows (10,000), FUZZ_SEED repeats a run. Each flow calls a server
on 127.0.0.1 that responds with random bytes. A failure is an unexpected exception, or a
document that cannot be published or contradicts itself.
"""

import asyncio
import json
import os
import random
import socket
import sys
import time
import traceback
from contextlib import asynccontextmanager

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from echopoint.cli.engine import InvalidPackage, UnsupportedFlow, run_flow
from echopoint.flow_language.words import EXTRACTORS, HTTP_METHODS, OPERATORS

LARGEST = 8 * 1024 * 1024  # bytes; what the API stores
PASSED, FAILED, SKIPPED = "passed", "failed", "NODE_SKIPPED"
IDS = ["a", "b", "c", "d", "e"]

odd_text = st.text(max_size=20) | st.text(st.characters(), max_size=8)
words = st.sampled_from(
    ["", "0", "200", "1e3", "-0.0", "1e999", "NaN", "true", "{}", "[]", '"x"', "x" * 3000]
)  # fmt: skip
references = st.sampled_from(
    ["{{a.out}}", "{{{a.out}}}", "{{ b.out.x.0 }}", "{{in}}", "{{{in}}}", "{{secret}}", "{{nothing}}", "{{}}", "{{$uuid}}", "{{{$int:1:5}}}", "{{$.x}}"]
)  # fmt: skip
texts = odd_text | words | references
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3)
    ),
    max_leaves=8,
)
paths = texts | st.sampled_from(
    ["$", "$.x", "$..*", "$[0]", "$[-1:]", "$[?@.x>1]", "$[?match(@, 'a.*')]", "$[?search(@.a, '(')]", "$..[?@..x]"]
)  # fmt: skip
patterns = texts | st.sampled_from(
    ["a.*", "(", "[", "a{1000}{1000}", "(a+)+$", r"\p{L}", r"(?<x>a)", "\\", "(?i)A", "^$"]
)  # fmt: skip
hosts = st.sampled_from(
    ["localhost:99999", "localhost:0", "localhost:1", "[::1", "a..b", "xn--", "user:p@ss@localhost:1", "\ud800", "%zz", ""]
)  # fmt: skip


def urls(port):
    """Return URLs of the server, and others that lead nowhere."""
    rest = st.text(max_size=10) | references | words
    good = st.builds(f"http://127.0.0.1:{port}/{{}}".format, rest)
    other = st.builds("http://{}/{}".format, hosts, rest)
    return st.one_of(good, good, good, other, texts)


def extractor_data():
    return st.fixed_dictionaries(
        {},
        optional={"path": paths, "header_name": texts, "headerName": texts},
    )


def assertion_lists():
    one = st.fixed_dictionaries(
        {
            "extractor_type": st.sampled_from(sorted(EXTRACTORS)),
            "extractor_data": extractor_data(),
            "operator_type": st.sampled_from(sorted(OPERATORS)),
            "operator_data": st.fixed_dictionaries(
                {},
                optional={"value": values | patterns | st.lists(scalars, max_size=2)},
            ),
        }
    )
    return st.lists(one, max_size=2)


def output_lists():
    one = st.builds(
        lambda name, kind, data: {"name": name, "extractor": {"type": kind, **data}},
        st.just("out") | odd_text,
        st.sampled_from(sorted(EXTRACTORS)),
        extractor_data(),
    )
    return st.lists(one, max_size=2)


def data_of(kind, port):
    if kind == "request":
        return st.fixed_dictionaries(
            {"method": st.sampled_from(HTTP_METHODS), "url": urls(port)},
            optional={
                "headers": st.dictionaries(texts, texts, max_size=2),
                "query_params": st.dictionaries(odd_text, values, max_size=2),
                "queryParams": st.dictionaries(odd_text, values, max_size=2),
                "body": values,
                "timeout": st.sampled_from([0, 1, 300]),
            },
        )
    if kind == "delay":
        return st.fixed_dictionaries({"duration": st.integers(0, 3)})
    if kind == "set_variable":
        return st.builds(
            lambda names: {"variables": names},
            st.dictionaries(st.just("out") | odd_text, values, max_size=3),
        )
    return st.fixed_dictionaries({}, optional={"target": values})


def nodes(id, port):
    kinds = ["request", "request", "delay", "set_variable", "assert"]
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "id": st.just(id),
                "display_name": odd_text,
                "type": st.just(kind),
                "data": data_of(kind, port),
            },
            optional={
                "run_when": st.sampled_from(["always", "on_success", None]),
                "outputs": output_lists(),
                "assertions": assertion_lists(),
            },
        )
    )


@st.composite
def definitions(draw, port):
    """Return a flow: some nodes, and edges that lead forward or, seldom, anywhere."""
    ids = IDS[: draw(st.integers(1, len(IDS)))]
    made = [draw(nodes(id, port)) for id in ids]
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids))
    drawn = draw(st.lists(pairs, max_size=4))
    forward = draw(st.integers(0, 9)) > 0
    edges = [
        {"id": f"{n}", "source": source, "target": target, "type": "success"}
        for n, (source, target) in enumerate(drawn)
        if source < target or not forward
    ]
    return {
        "name": draw(odd_text),
        "version": "1",
        "nodes": draw(st.permutations(made)),
        "edges": edges,
    }


def answers():
    """Return the bytes of an answer: most of them HTTP, some broken."""
    bodies = st.binary(max_size=60) | st.builds(
        lambda value: json.dumps(value).encode(), values
    )
    kinds = st.sampled_from(
        ["application/json", "text/plain; charset=utf-16", "text/html; charset=nothing", "APPLICATION/Problem+JSON", "", "\xff"]
    )  # fmt: skip
    encodings = st.sampled_from(
        ["", "", "", "gzip", "deflate", "br", "zstd", "x, gzip"]
    )
    locations = hosts.map("http://{}/".format) | st.sampled_from(["/", "", "//", "?"])
    whole = st.builds(
        http,
        st.sampled_from([200, 200, 200, 204, 301, 302, 307, 404, 500, 999]),
        kinds,
        encodings,
        locations,
        bodies,
        st.sampled_from([0, 0, 0, 5, -1]),
    )
    broken = st.tuples(whole, st.integers(0, 200)).map(lambda two: two[0][: two[1]])
    return st.one_of(whole, whole, whole, broken, st.binary(max_size=40))


def http(status, kind, encoding, location, body, lie):
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n"
    head += f"Content-Length: {len(body) + lie}\r\nConnection: close\r\n"
    if encoding:
        head += f"Content-Encoding: {encoding}\r\n"
    if 300 <= status < 400:
        head += f"Location: {location}\r\n"
    return f"{head}Set-Cookie: a=b\r\n\r\n".encode("utf-8", "replace") + body


class Server:
    """Answers each connection with the next of `answers`, around and around."""

    def __init__(self):
        self.answers = [b""]
        self.asked = 0

    async def answer(self, reader, writer):
        try:
            await asyncio.wait_for(reader.read(65536), 1)
            writer.write(self.answers[self.asked % len(self.answers)])
            self.asked += 1
            await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self, port):
        served = await asyncio.start_server(self.answer, "127.0.0.1", port)
        async with served:
            yield
        await asyncio.sleep(0)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def check(package, document):
    """Raise AssertionError for a document that a runner must not write."""
    text = json.dumps(document, allow_nan=False)
    assert "s3cr3t" not in text, "a secret is in the document"
    assert len(text) < LARGEST, "the document is too large"
    text.encode().decode("utf-8")
    assert not any("\0" in one for one in texts_in(document)), "no column holds NUL"
    results = document["result"]["execution_results"]
    definition = package["flow_definition"]
    assert set(results) == {node["id"] for node in definition["nodes"]}
    codes = {id: result.get("error_code") for id, result in results.items()}
    failed = [code for code in codes.values() if code not in (None, SKIPPED)]
    assert document["status"] == ("failed" if failed else "completed")
    for code in failed:
        assert code != "NODE_ERROR", f"an unforeseen failure: {results}"
    for result in results.values():
        unforeseen = result.get("error_message", "").startswith("The node failed: ")
        assert not unforeseen, f"an unforeseen failure: {result}"
    for node in definition["nodes"]:
        if node.get("run_when") == "always" and codes[node["id"]] == SKIPPED:
            reason = results[node["id"]]["skip_reason"]
            assert reason.startswith("dependency_"), (
                "a node that always runs was skipped"
            )


def texts_in(value):
    """Yield all texts of a JSON value, the names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from texts_in(list(pair))
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


async def run(server, port, package, answers):
    server.answers, server.asked = answers, 0
    async with server.serving(port):
        return await run_flow(package)


def main():
    runs = int(os.environ.get("FUZZ_RUNS", "10000"))
    number = int(os.environ.get("FUZZ_SEED") or random.randrange(10**9))  # noqa: S311
    say(f"FUZZ_SEED={number}")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    counts = {"ran": 0, "refused": 0, "passed": 0, "failed": 0, "nodes": 0}
    found = {}
    server, port = Server(), free_port()
    began = time.monotonic()

    @seed(number)
    @settings(
        max_examples=runs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        definitions(port),
        st.lists(answers(), min_size=1, max_size=4),
        st.dictionaries(st.just("in") | odd_text, values, max_size=2),
    )
    def one(definition, said, inputs):
        package = {
            "execution_id": "e",
            "flow_id": "f",
            "flow_definition": definition,
            "inputs": inputs | {"secret": "s3cr3t"},
            "secret_input_keys": ["secret"],
            "referenced_flows": {},
        }
        counts["ran"] += 1
        try:
            document = asyncio.run(run(server, port, package, said))
            check(package, document)
        except (InvalidPackage, UnsupportedFlow):
            counts["refused"] += 1
        except Exception:  # noqa: BLE001 - that is what is looked for
            told = traceback.format_exc()
            # One example per source line is enough.
            found.setdefault(told.splitlines()[-1][:80], (told, package, said))
        else:
            counts[PASSED if document["status"] == "completed" else FAILED] += 1
            counts["nodes"] += len(document["result"]["execution_results"])
        if counts["ran"] % 1000 == 0:
            say(f"{counts['ran']} runs, {time.monotonic() - began:.0f} s: {counts}")

    one()
    for told, package, said in found.values():
        say(f"{told}\n{ascii(package)}\n{said}\n")
    say(
        f"engine: {counts['ran']} definitions × answers, of which {counts['refused']} were"
        f" refused as invalid, {counts['passed']} passed and {counts['failed']} failed;"
        f" {counts['nodes']} nodes; exceptions: {len(found)}"
    )
    sys.exit(bool(found) or counts["ran"] < runs or not counts["passed"])


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
