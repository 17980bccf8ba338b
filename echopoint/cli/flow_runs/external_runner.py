"""Running a flow with an external runner: a package on its stdin, a result on its stdout.

It is started as `PATH ephemeral`: without that word the public runner would register as
a server and claim jobs. Its exit code says how it went: 0 completed, 1 the flow failed, 3
a bad package.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

from echopoint.cli.engine.recorder import storable
from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.flow_runs.cancellation import Stop
from echopoint.cli.flow_runs.result_masking import Secrets

LARGEST_RESULT = 64 * 2**20
LONGEST_LINE = 2**20
# How long a runner that is asked to end has to do so, in seconds.
GRACE = 3.0
DRAIN = 1.0
CODES = {0: "completed", 1: "failed"}
BAD_PACKAGE = 3
COMMAND = "ephemeral"
# What a runner of jobs is configured with, its key among it.
OF_A_SERVER = ("ECHOPOINT_RUNNER_", "ECHOPOINT_FLOW_API_KEY")


class ExternalRunner:
    """A program that runs packages."""

    def __init__(self, program: str, api_key: str, tell: Callable[[str], None]):
        self.program = program
        self.api_key = api_key
        self.tell = tell

    async def run(self, package: dict, *, stop: Stop) -> dict | None:
        """Return the result document without secrets.

        A runner that is to stop is sent SIGTERM, and may clean up and write its result
        until `stop.cleanup_over`; None for one that has not.

        Raises `UnexpectedAnswer` for a runner that does not keep to its contract.
        """
        secrets = Secrets(package)
        process = await self.start()
        work = asyncio.ensure_future(self.talk(process, package, secrets))
        try:
            if not await is_done(work, before=stop.event):
                send(process, signal.SIGTERM)
                ended = asyncio.ensure_future(process.wait())
                if await is_done(ended, before=stop.cleanup_over):
                    # What it leaves behind may hold its pipes open.
                    await asyncio.wait({work}, timeout=DRAIN)
                ended.cancel()
            if not work.done():
                return None
            return read_of(process.returncode, work.result(), secrets, stop)
        except asyncio.CancelledError:
            # Nobody waits any more: there is no time to ask first.
            send(process, signal.SIGKILL)
            raise
        finally:
            await end(process)
            # With the process its pipes end, and so does what reads them, unless it
            # has left a process outside of its group.
            await asyncio.wait({work}, timeout=DRAIN)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def start(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                self.program,
                COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment_without(self.api_key),
                # Ctrl-C is ours to answer: the runner is ended, not interrupted.
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "its name cannot be"
            raise UnexpectedAnswer(
                f"The runner {self.program} cannot be started ({why}). Give"
                " --runner-binary the path of a program."
            ) from error

    async def talk(
        self, process: asyncio.subprocess.Process, package: dict, secrets: Secrets
    ) -> bytes:
        """Hand the package over and return what the runner writes, once it has ended."""
        text = json.dumps(package).encode()
        _, output, _ = await asyncio.gather(
            feed(process.stdin, text),
            collect(process.stdout),
            self.pass_on(process.stderr, secrets),
        )
        await process.wait()
        return output

    async def pass_on(self, stream: asyncio.StreamReader, secrets: Secrets) -> None:
        """Tell what the runner says on stderr, line by line, without secrets."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                # A part of a line could hold a part of a secret, which no mask knows.
                self.tell("(a line too long to show)")
                continue
            if not line:
                return
            self.tell(secrets.clean_line(line.decode(errors="replace")))


async def is_done(work: asyncio.Future, *, before: asyncio.Event) -> bool:
    """Wait for the work or the event; return whether the work is done."""
    told = asyncio.ensure_future(before.wait())
    try:
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
    return work.done()


async def feed(stream: asyncio.StreamWriter, text: bytes) -> None:
    """Write all and close; a runner that does not read on will say why itself."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text)
        await stream.drain()
    stream.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await stream.wait_closed()


async def collect(stream: asyncio.StreamReader) -> bytes:
    """Return all that comes; past the bound it is read and thrown away."""
    output = bytearray()
    while chunk := await stream.read(2**16):
        if len(output) <= LARGEST_RESULT:
            output += chunk
    return bytes(output)


async def end(process: asyncio.subprocess.Process) -> None:
    """End the runner and what it started: asked first, then made to."""
    try:
        if process.returncode is None:
            send(process, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
    finally:
        # Whatever of its group is left would go on, and keep our pipes open.
        send(process, signal.SIGKILL)


def send(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def environment_without(api_key: str) -> dict[str, str]:
    """Return our environment for a program that has no business with the API."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "ECHOPOINT_API_KEY"
        and not name.startswith(OF_A_SERVER)
        and not (api_key and api_key in value)
    }


def read_of(code: int, output: bytes, secrets: Secrets, stop: Stop) -> dict | None:
    """Return the result; None of a runner that was told to stop and left none."""
    try:
        return read(code, output, secrets)
    except UnexpectedAnswer:
        if stop.reason:
            return None
        raise


def read(code: int, output: bytes, secrets: Secrets) -> dict:
    """Return the result document, masked, or raise `UnexpectedAnswer`."""
    if code == BAD_PACKAGE:
        raise UnexpectedAnswer(
            "The runner refused the package (exit code 3). See what it said above;"
            " a newer runner may know this flow's nodes."
        )
    if code not in CODES:
        raise UnexpectedAnswer(
            f"The runner ended with exit code {code}, which is no runner's: 0, 1 and 3"
            " are. See what it said above."
        )
    document = parsed(output)
    if problem := problem_of(document, CODES[code]):
        raise UnexpectedAnswer(
            f"The runner's result is not of the form agreed: {problem}. Use a runner of"
            " this API's version."
        )
    return storable(secrets.clean(document))


def parsed(output: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(output, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def problem_of(document: Any, status: str) -> str:
    """Return what is wrong with a result document, or an empty string."""
    if not isinstance(document, dict):
        return "it is not one JSON object"
    if document.get("status") != status:
        return f"its status is not {status}, as the exit code says"
    if not all(is_timestamp(document.get(n)) for n in ("started_at", "completed_at")):
        return "started_at or completed_at is not a time"
    duration = document.get("duration_ms")
    if not isinstance(duration, int) or isinstance(duration, bool) or duration < 0:
        return "duration_ms is not a number of milliseconds"
    texts = [document.get("error_message"), document.get("error_code")]
    if not all(text is None or isinstance(text, str) for text in texts):
        return "error_message or error_code is not text"
    return problem_of_result(document.get("result"), status)


def problem_of_result(result: Any, status: str) -> str:
    if result is None:
        return ""
    nodes = result.get("execution_results") if isinstance(result, dict) else None
    if not isinstance(nodes, dict) or not all(
        isinstance(node, dict) for node in nodes.values()
    ):
        return "result.execution_results is not an object of nodes"
    if result.get("success", status == "completed") != (status == "completed"):
        return "result.success contradicts the status"
    return ""


def is_timestamp(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
