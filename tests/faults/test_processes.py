"""Processes are killed and restarted while clients write."""

import os
import signal
import time

from tests.faults.load import NO_ANSWER


def test_a_killed_worker(fault, site):
    with fault("a worker killed, five times", NO_ANSWER):
        for _ in range(5):
            os.kill(site.workers()[0], signal.SIGKILL)
            time.sleep(1)


def test_a_killed_server(fault, site):
    with fault("gunicorn killed and started again", NO_ANSWER):
        site.kill()
        site.start()


def test_a_server_that_is_stopped_as_it_should_be(fault, site):
    with fault("gunicorn stopped and started again", NO_ANSWER):
        site.stop()
        site.start()
