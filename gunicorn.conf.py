"""How gunicorn serves the site; it reads this file in the folder it is started in."""

import glob
import ipaddress
import os
import shutil
import signal
import tempfile

from gunicorn import util

# Only the process's environment is read: .env is read anew by each worker.
bind = os.environ.get("BIND", "127.0.0.1:8000")
# Not dropped here: `pre_request` takes them out, before they can pass for another header.
header_map = "dangerous"

EXPOSED = (
    "Listening on %s, which other machines may reach: slow clients can hold all threads."
    " Listen on 127.0.0.1 or a unix socket, behind a proxy that buffers requests"
    " (echopoint/nginx.conf)."
)


def on_starting(server):
    """Make the folder in which workers add up their metrics; it stays empty without."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        server.metrics = tempfile.mkdtemp(prefix="echopoint-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics


def child_exit(server, worker):
    """Take what a worker that has ended had waiting out of the metrics."""
    folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    for file in glob.glob(f"{folder}/gauge_live*_{worker.pid}.db"):
        os.remove(file)


def on_exit(server):
    shutil.rmtree(getattr(server, "metrics", ""), ignore_errors=True)


def when_ready(server):
    """Warn of addresses that are not this machine's own."""
    for listener in server.LISTENERS:
        address = listener.getsockname()
        if isinstance(address, tuple) and not is_own(address[0]):
            server.log.warning(EXPOSED, listener)


def is_own(host):
    return ipaddress.ip_address(host).is_loopback


def post_worker_init(worker):
    """Finish what needs the site's code, which is loaded by now."""
    redact(worker.log)
    write_as_the_site_does(worker.log)
    answer_in_the_envelope()
    end_waiting_on_stop(worker)
    send_mail()


def pre_request(worker, request):
    """Keep header names with an underscore from the site, but let webhooks show them."""
    from echopoint.core.header_lines import extract_header_lines

    extract_header_lines(request)


def send_mail():
    """Send what waits since before this process."""
    from echopoint.mail.sender import sender

    sender.wake()


def answer_in_the_envelope():
    """Let what gunicorn itself refuses be answered as the API answers."""
    from echopoint.core.malformed import write_refusal

    util.write_error = write_refusal


def redact(log):
    """Let no key into gunicorn's own logs: they repeat what clients send.

    Of a request that is malformed, the line; in an access log, the address, the page it
    came from and the name of the client.
    """
    from echopoint.core.redaction import SecretsRedacted

    for logger in (log.error_log, log.access_log):
        logger.addFilter(SecretsRedacted())


def write_as_the_site_does(log):
    """Write JSON where the site does; a line of the access log is its message."""
    from django.conf import settings

    if settings.LOG_FORMAT != "json":
        return
    from echopoint.core.logs import FactsFormatter

    for logger in (log.error_log, log.access_log):
        for handler in logger.handlers:
            handler.setFormatter(FactsFormatter())


def end_waiting_on_stop(worker):
    """Let requests that wait for a job end when the process is asked to stop."""
    stop = signal.getsignal(signal.SIGTERM)

    def stop_waiting(number, frame):
        worker_int(worker)
        stop(number, frame)

    signal.signal(signal.SIGTERM, stop_waiting)
    # As gunicorn has it: what requests read and write is not interrupted.
    signal.siginterrupt(signal.SIGTERM, False)


def worker_int(worker):
    """Do the same when it is interrupted."""
    # Not on top: the code is the worker's own, and may be newer than the parent's.
    from echopoint.executions.jobs.long_poll import waiting_room

    waiting_room.close()
