"""`flows run` as a process of its own, to send signals to."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

from tests.paths import ROOT


@contextmanager
def started(*arguments, until):
    """Yield the process of the command after it has written `until` to stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "echopoint.cli", "flows", "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        cwd=ROOT,
        # The tests may run under nohup, which ignores SIGHUP.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    try:
        for line in process.stderr:
            if until in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
