"""The command as a process, with a terminal, a file or nothing at each of its ends."""

import os
import pty
import subprocess
import sys
from contextlib import contextmanager
from typing import NamedTuple

from tests.paths import ROOT

COMMAND = [sys.executable, "-m", "echopoint.cli"]


class Process(NamedTuple):
    """How it ended, and what it wrote to pipes."""

    code: int
    out: str
    err: str


@contextmanager
def terminal():
    """Yield both ends of a terminal: what is shown on it, and where to write."""
    shown, end = pty.openpty()
    with os.fdopen(shown, "rb", buffering=0) as shown:
        yield shown, end


def read_all(shown):
    text = b""
    try:
        while part := shown.read(4096):
            text += part
    except OSError:
        pass  # so Linux says that nobody writes any more
    return text.decode()


def shown_on_a_terminal(*arguments, **environment):
    """Return what the command writes to stdout when that is a terminal."""
    with terminal() as (shown, end):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=end,
            stderr=subprocess.PIPE,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"} | environment,
            cwd=ROOT,
        )
        os.close(end)
        text = read_all(shown)
        process.communicate(timeout=30)
    return text


def buffered():
    """Return our environment, without what would write all at once: the usual case."""
    return {n: v for n, v in os.environ.items() if n != "PYTHONUNBUFFERED"}


def run(*arguments, closed=(), **options):
    """Run the command; `closed` are numbers of streams that its caller has closed."""
    environment = options.pop("environment", {})
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    ended = subprocess.run(
        [*COMMAND, *arguments],
        env=buffered() | environment,
        cwd=ROOT,
        check=False,
        timeout=60,
        preexec_fn=lambda: [os.close(number) for number in closed],
        **streams,
    )
    return Process(
        ended.returncode, (ended.stdout or b"").decode(), (ended.stderr or b"").decode()
    )
