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

from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.flow_runs.cancellation import Stop
from echopoint.cli.flow_runs.runner_output_masking import RunnerOutputMask, secrets_of
from echopoint.cli.flow_runs.runner_result import Answer

LARGEST_RESULT = 64 * 2**20
LONGEST_LINE = 2**20
# How long a runner that is asked to end has to do so, in seconds.
GRACE = 3.0
DRAIN = 1.0
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
        mask = RunnerOutputMask(secrets_of(package))
        process = await self.start()
        work = asyncio.ensure_future(self.talk(process, package, mask))
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
            answer = Answer(process.returncode, work.result(), package, mask)
            return answer.read_after(stop)
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
        self, process: asyncio.subprocess.Process, package: dict, mask: RunnerOutputMask
    ) -> bytes:
        """Hand the package over and return what the runner writes, once it has ended."""
        text = json.dumps(package).encode()
        _, output, _ = await asyncio.gather(
            feed(process.stdin, text),
            collect(process.stdout),
            self.pass_on(process.stderr, mask),
        )
        await process.wait()
        return output

    async def pass_on(
        self, stream: asyncio.StreamReader, mask: RunnerOutputMask
    ) -> None:
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
            self.tell(mask.text(line.decode(errors="replace")))


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
