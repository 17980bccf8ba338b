"""Running a flow with an external runner: a package on stdin, a result on stdout.

The program is started as `PATH ephemeral`. Without that argument the public runner would
register with the API and claim jobs. Exit codes: 0 completed, 1 the flow failed, 3 bad
package.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable
from typing import Any

from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.flow_runs.cancellation import Cancellation
from echopoint.cli.flow_runs.runner_output_masking import RunnerOutputMask, secrets_of
from echopoint.cli.flow_runs.runner_result import RunnerOutput

LARGEST_RESULT = 64 * 2**20  # bytes
LONGEST_LINE = 2**20  # bytes
# How long a runner may take to end after SIGTERM, in seconds.
GRACE = 3.0
# How long to read on after a runner has ended, in seconds.
DRAIN = 1.0
COMMAND = "ephemeral"
# The configuration of self-hosted runners, which may include an API key.
RUNNER_VARIABLES = ("ECHOPOINT_RUNNER_", "ECHOPOINT_FLOW_API_KEY")


class ExternalRunner:
    """A program that runs packages."""

    def __init__(self, program: str, api_key: str, log: Callable[[str], None]):
        self.program = program
        self.api_key = api_key
        self.log = log

    async def run(
        self, package: dict[str, Any], *, cancellation: Cancellation
    ) -> dict[str, Any] | None:
        """Return the masked result document, or None if it was cancelled without one.

        A cancelled runner is sent SIGTERM, and may clean up and write its result until
        `cancellation.cleanup_over`.

        Raises `UnexpectedResponse` if the runner does not follow the protocol.
        """
        mask = RunnerOutputMask(secrets_of(package))
        process = await self.start()
        work = asyncio.ensure_future(self.exchange(process, package, mask))
        try:
            if not await finishes_before(cancellation.event, work):
                send_signal(process, signal.SIGTERM)
                exited = asyncio.ensure_future(process.wait())
                if await finishes_before(cancellation.cleanup_over, exited):
                    # Child processes may still hold its pipes open.
                    await asyncio.wait({work}, timeout=DRAIN)
                exited.cancel()
            if not work.done() or process.returncode is None:
                return None
            output = RunnerOutput(process.returncode, work.result(), package, mask)
            return output.read_after(cancellation)
        except asyncio.CancelledError:
            # The second Ctrl-C quits at once: there is no time for SIGTERM.
            send_signal(process, signal.SIGKILL)
            raise
        finally:
            await terminate(process)
            # Its pipes close with the process group. A child outside of the group may
            # keep them open, so reading is cancelled after a while.
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
                # A Ctrl-C of the terminal must not reach the runner: we cancel it.
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "its name is invalid"
            raise UnexpectedResponse(
                f"The runner {self.program} cannot be started ({why}). Set"
                " --runner-binary to the path of a program."
            ) from error

    async def exchange(
        self,
        process: asyncio.subprocess.Process,
        package: dict[str, Any],
        mask: RunnerOutputMask,
    ) -> bytes:
        """Write the package to stdin, and return stdout after the runner has ended."""
        text = json.dumps(package).encode()
        _, output, _ = await asyncio.gather(
            write_stdin(process.stdin, text),
            read_output(process.stdout),
            self.forward_stderr(process.stderr, mask),
        )
        await process.wait()
        return output

    async def forward_stderr(
        self, stream: asyncio.StreamReader | None, mask: RunnerOutputMask
    ) -> None:
        """Log each line of the runner's stderr, masked."""
        while stream:
            try:
                line = await stream.readline()
            except ValueError:
                # Part of the line could hold part of a secret, which no mask finds.
                self.log("(a line too long to show)")
                continue
            if not line:
                return
            self.log(mask.text(line.decode(errors="replace")))


async def finishes_before(event: asyncio.Event, work: asyncio.Future[Any]) -> bool:
    """Wait for the work or the event, and return whether the work is done."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
    return work.done()


async def write_stdin(stream: asyncio.StreamWriter | None, text: bytes) -> None:
    """Write the text and close. A runner that stops reading reports the reason itself."""
    if stream is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text)
        await stream.drain()
    stream.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await stream.wait_closed()


async def read_output(stream: asyncio.StreamReader | None) -> bytes:
    """Return the output. Past `LARGEST_RESULT` it is read and discarded."""
    output = bytearray()
    while stream and (chunk := await stream.read(2**16)):
        if len(output) <= LARGEST_RESULT:
            output += chunk
    return bytes(output)


async def terminate(process: asyncio.subprocess.Process) -> None:
    """End the runner's process group: SIGTERM, then SIGKILL."""
    try:
        if process.returncode is None:
            send_signal(process, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
    finally:
        # Remaining children would go on, and keep our pipes open.
        send_signal(process, signal.SIGKILL)


def send_signal(process: asyncio.subprocess.Process, number: int) -> None:
    """Signal the whole process group, if it still exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def environment_without(api_key: str) -> dict[str, str]:
    """Return our environment without API credentials: a runner must not call the API."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "ECHOPOINT_API_KEY"
        and not name.startswith(RUNNER_VARIABLES)
        and not (api_key and api_key in value)
    }
